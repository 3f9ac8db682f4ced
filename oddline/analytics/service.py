"""What the tasks of analytics do that keep the rollups."""

from typing import Any

from oddline.analytics.rollups import forget_old, roll_up
from oddline.analytics.tasks import UPDATE_PROJECT_ANALYTICS, OfProject
from oddline.identity import list_projects
from oddline.submissions import new_id
from oddline.tasks import NoPayload, TaskContext, enqueue


def update_live_analytics(payload: NoPayload, context: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    """Count what has just come in, so that pages show it within seconds."""
    return roll_up(db=context.db, objects=context.objects)


def update_analytics(payload: NoPayload, context: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    """Count all that is new, in every project, also what no wake-up has led to."""
    return roll_up(db=context.db, objects=context.objects)


def update_project_analytics(payload: OfProject, context: TaskContext) -> dict[str, Any]:
    """Count all that is new in a project, and let go of the rollups whose entries are gone."""
    rolled = roll_up(db=context.db, objects=context.objects, projects={payload.project})
    return rolled | {"forgotten": forget_old(db=context.db, project=payload.project, today=context.clock().date())}


def update_all_project_analytics(payload: NoPayload, context: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    """Start `update_project_analytics` for every project, side by side."""
    now = context.clock()
    started = []
    with context.db.transaction() as tx:
        for project in list_projects(tx):
            task_id = new_id()
            if enqueue(
                tx,
                UPDATE_PROJECT_ANALYTICS,
                OfProject(project=project.id),
                task_id=task_id,
                project=project.id,
                now=now,
                unique_key=f"{UPDATE_PROJECT_ANALYTICS.name}:{project.id}",
            ):
                started.append(task_id)
    for task_id in started:
        context.publisher.wake(UPDATE_PROJECT_ANALYTICS, task_id=task_id)
    return {"started": len(started)}
