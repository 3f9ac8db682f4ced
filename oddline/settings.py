"""Everything that can be set from outside, in one frozen object that is read once per process."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AliasChoices, BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from oddline.addresses import check_address
from oddline.encryption import Cipher


def _seconds(given: Any) -> Any:
    """Numbers in the environment are seconds; pydantic by itself takes only "30s" as "PT30S" or "00:00:30"."""
    try:
        return float(given)
    except (TypeError, ValueError):
        return given


Seconds = Annotated[timedelta, BeforeValidator(_seconds)]

Side = Literal["owner", "ingest", "console", "search", "worker"]
"""A database role: each part of Oddline connects as its own, and only migrations connect as the owner."""

PACKAGED_MODELS = Path(__file__).parent / "scoring" / "models"
DEFAULT_MODEL = PACKAGED_MODELS / "general-6"


class Settings(BaseSettings):
    """Settings from environment variables (`ODDLINE_…`) or lines in `.env`; docs/settings.md lists them.

    What is secret stands neither in their `repr` nor in an error about them.

    Durations are given in seconds. On Lambda and ECS each process has the one database URL of its own role in
    `ODDLINE_DATABASE_URL`; a process that serves several roles (the local API) has one `ODDLINE_DATABASE_URL_<ROLE>`
    for each.
    """

    model_config = SettingsConfigDict(
        env_prefix="ODDLINE_", env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    secrets: str = Field(
        default="", description="on Lambda: ARN or name of a secret in JSON whose members are settings"
    )

    home: Path = Field(default=Path(".oddline"), description="where the local stack keeps its state")
    host: str = Field(default="127.0.0.1", description="address that the local API listens on")
    port: NonNegativeInt = Field(default=8080, description="port of the local API; a free one near it if it is taken")

    database_url: str = Field(default="", repr=False, description="PostgreSQL; empty: the embedded one")
    database_url_ingest: str = Field(
        default="", repr=False, description="the same for one role, where a process serves several"
    )
    database_url_console: str = Field(default="", repr=False, description="the same")
    database_url_search: str = Field(default="", repr=False, description="the same")
    database_url_worker: str = Field(default="", repr=False, description="the same; the operator's commands use it")
    database_pool_size: PositiveInt = Field(default=8, description="connections per role and process; 1 on Lambda")
    postgres_version: Literal[16, 18] = Field(default=18, description="of the embedded PostgreSQL")

    redis_url: str = Field(
        default="", repr=False, description="Redis or Valkey, broker only; empty: the embedded Valkey"
    )
    publish_timeout: PositiveFloat = Field(default=0.2, description="seconds to connect and to write one message")
    publish_pause: PositiveFloat = Field(default=5.0, description="seconds without a try after a failed publish")

    objects_url: str = Field(default="", description="s3://bucket/prefix, or a folder; empty: <home>/objects")
    aws_endpoint_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("ODDLINE_AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL"),
        description="another address for S3 and SES, for a test server",
    )
    body_object_bytes: PositiveInt = Field(default=256 * 1024, description="a submission's body over this is an object")

    file_bytes: PositiveInt = Field(default=5 * 1024**4, description="a file may have so many; S3 takes no more")
    file_days: PositiveInt = Field(default=30, description="days that uploaded files are kept")
    file_backlog: PositiveInt = Field(
        default=100,
        description="submissions of a project may wait to be scored, then its files and connections are not read on",
    )

    model_folder: Path = Field(default=DEFAULT_MODEL, description="ONNX file, tokenizer, card")
    threads: PositiveInt = Field(default=1, description="ONNX Runtime threads per worker process")
    known_after_days: PositiveInt = Field(default=14, description="a severe pattern is known once seen on so many days")
    known_days: PositiveInt = Field(default=90, description="a pattern that a source has not had for longer is new")

    sequence_gap: Seconds = Field(
        default=timedelta(minutes=10), description="a session of entries is over when none has come in for so long"
    )
    sequence_alarms: PositiveFloat = Field(default=0.001, description="share of sessions that may be told as odd")

    rate_alarms: PositiveFloat = Field(
        default=0.5, le=100, description="hours a day of a source in which it may be told that too many or too few came"
    )
    rate_warm_up: Seconds = Field(
        default=timedelta(hours=1), description="of a new source's entries, in which nothing is said of how many come"
    )

    worker_concurrency: PositiveInt = Field(default=4, description="worker processes")
    worker_prefetch: PositiveInt = Field(default=1, description="messages for each process that a worker takes ahead")
    worker_max_tasks_per_child: PositiveInt = Field(default=1_000, description="then the process is replaced")
    worker_max_memory_per_child_kb: PositiveInt = Field(default=1_500_000, description="then the process is replaced")
    soft_shutdown_timeout: PositiveFloat = Field(default=25.0, description="below ECS stopTimeout (60 s)")
    task_retries: NonNegativeInt = Field(default=3, description="of a task that says nothing else; then a dead letter")
    task_retry_base: Seconds = Field(
        default=timedelta(seconds=60),
        description="longest wait before the first retry; doubled each time, drawn by chance",
    )
    short_soft_limit: Seconds = Field(
        default=timedelta(seconds=60), description="of short tasks: they are asked to end"
    )
    short_hard_limit: Seconds = Field(default=timedelta(seconds=120), description="of short tasks: they are killed")
    file_soft_limit: Seconds = Field(default=timedelta(seconds=300), description="of tasks on files: as above")
    file_hard_limit: Seconds = Field(default=timedelta(seconds=600), description="the same")
    scan_soft_limit: Seconds = Field(
        default=timedelta(seconds=1_500), description="of scans, compaction and cleaning up: as above"
    )
    scan_hard_limit: Seconds = Field(default=timedelta(seconds=1_800), description="the same; below 2,400")
    results_kept: Seconds = Field(
        default=timedelta(days=3),
        ge=timedelta(hours=1),
        le=timedelta(days=30),
        description="of a task that says nothing else; 1 hour to 30 days",
    )
    lease: Seconds = Field(default=timedelta(seconds=30), description="a claim without a heartbeat ends after this")
    cancel_grace: Seconds = Field(
        default=timedelta(seconds=10), description="a cancelled task that goes on for longer loses its process"
    )
    flower_password: str = Field(
        default="", repr=False, description="of the user oddline in Flower, which does not start without"
    )

    operator_project: str = Field(
        default="", description="project whose admins may steer workers and queues by API; empty: nobody may"
    )
    legacy_project: str = Field(default="", description="project of callers of /api/logs/ who send no X-API-Key")
    hmac_secret: str = Field(default="", repr=False, description="secret of X-HMAC-Signature at the older routes")
    trigger_project: str = Field(default="", description="project of what CloudWatch Logs and S3 hand over")
    trigger_sources: dict[str, str] = Field(
        default={}, description="JSON: the sources of log groups that are not to be named as their group"
    )

    limit_key_ingest: NonNegativeInt = Field(
        default=12_000, description="requests a minute in which one key sends logs; here and below 0 is no limit"
    )
    limit_key_read: NonNegativeInt = Field(default=3_000, description="the same of requests that read")
    limit_key_write: NonNegativeInt = Field(default=1_200, description="the same of requests that change something")
    limit_project_ingest: NonNegativeInt = Field(default=60_000, description="the same of all keys of a project")
    limit_project_read: NonNegativeInt = Field(default=15_000, description="the same")
    limit_project_write: NonNegativeInt = Field(default=6_000, description="the same")
    limit_entries_a_day: NonNegativeInt = Field(default=0, description="entries that a project may send a UTC day")
    limit_bytes_a_day: NonNegativeInt = Field(default=0, description="bytes of messages and attributes, the same")
    limit_failures: NonNegativeInt = Field(
        default=100, description="authentications of one client address that may fail a minute"
    )

    outgoing_allowed: str = Field(
        default="",
        description="what may be called beside public addresses on ports 80 and 443: networks, addresses, hosts, each "
        "with `:port` if need be, with commas between",
    )

    connections_as_worker: bool = Field(
        default=False,
        description="whether connections to AWS of ODDLINE_OPERATOR_PROJECT, and of no other, may read with the"
        " worker's own rights, but never Oddline's own bucket; else they bring a role or keys",
    )

    schedule_group: str = Field(
        default="", description="of EventBridge Scheduler, for users' schedules; empty: they are looked at each minute"
    )
    schedule_target: str = Field(default="", description="ARN of the function that such a schedule calls")
    schedule_role: str = Field(default="", description="ARN of the role in which it does")

    encryption_keys: str = Field(
        default="", repr=False, description="keys of what is stored encrypted, with commas between, the newest first"
    )

    oidc_issuer: str = Field(
        default="", description="URL of the OpenID Connect issuer at which people sign in; empty: none, keys alone"
    )
    oidc_audience: str = Field(default="", description="what its tokens must have in aud, as a rule a client id")
    oidc_algorithms: str = Field(
        default="RS256,ES256",
        pattern=r"^((RS|PS|ES)(256|384|512)|EdDSA)(,((RS|PS|ES)(256|384|512)|EdDSA))*$",
        description="of their signatures, with commas between; only such with a public key",
    )
    oidc_role_claim: str = Field(
        default="", description="claim whose items oddline:<project>:<role> give roles, beside the members of projects"
    )

    audit_url: str = Field(
        default="", description="as ODDLINE_OBJECTS_URL, of the heads of the audit trail; empty: beside the objects"
    )
    audit_days: int = Field(default=400, ge=30, description="days that the audit trail is kept")
    backup_days: NonNegativeInt = Field(
        default=0, description="for how many days backups of the database are kept; 0: there are none"
    )
    failed_event_days: NonNegativeInt = Field(
        default=0, description="for how many days events are kept that a trigger could not take; 0: they are not"
    )

    smtp_url: str = Field(
        default="",
        repr=False,
        description="smtps://user:password@host:port, or smtp://…: STARTTLS where offered; ?starttls=required, or =off",
    )
    ses_region: str = Field(default="", description="send mail by SES in this region")
    mail_from: str = Field(default="oddline@localhost", description="sender of mail")
    operators: str = Field(
        default="", description="who is mailed system alerts, with commas between; they are kept in any case"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="what is logged")
    tracing: bool = Field(default=False, description="X-Ray segments; costs 300 ms at a cold start")
    metrics: str = Field(default="", description="CloudWatch namespace of the metrics on standard output; empty: none")
    vcpu_second_price: PositiveFloat = Field(
        default=1.1e-5,
        description="dollars; of one on Fargate (arm64, us-east-1) with 2 GB: (0.03238 + 2 × 0.00356)/3600",
    )

    def with_secret(self) -> Self:
        """These settings with what the secret says now; members that are no setting of text are left aside.

        Ask whenever a connection is made and never keep the answer: so a rotated secret needs no deployment.

        Raises:
            SecretUnavailable, NotConfigured: as `read_secret`; or it holds an address that cannot be read.
        """
        if not self.secrets:
            return self
        from oddline.secret import read_secret

        fields = type(self).model_fields
        members = read_secret(self.secrets)
        current = self.model_copy(
            update={name: value for name, value in members.items() if name in fields and fields[name].annotation is str}
        )
        _check_addresses(current)
        return current

    @model_validator(mode="after")
    def _have_readable_addresses(self) -> Self:
        _check_addresses(self)
        return self

    def operator_addresses(self) -> tuple[str, ...]:
        """Whom system alerts are mailed to."""
        return tuple(address.strip() for address in self.operators.split(",") if address.strip())

    def cipher(self) -> Cipher:
        """What encrypts and decrypts with the keys that are set now."""
        keys = self.with_secret().encryption_keys.split(",")
        return Cipher([key.strip() for key in keys if key.strip()])

    def database_url_for(self, side: Side) -> str:
        """The URL that `side` connects with.

        Raises:
            NotConfigured: neither its own URL nor the general one is set.
        """
        own: str = getattr(self, f"database_url_{side}", "")
        url = own or self.database_url
        if not url:
            from oddline.errors import NotConfigured

            raise NotConfigured(f"neither ODDLINE_DATABASE_URL_{side.upper()} nor ODDLINE_DATABASE_URL is set")
        return url


def _check_addresses(settings: Settings) -> None:
    databases = (settings.database_url, *(getattr(settings, f"database_url_{side}", "") for side in get_args(Side)))
    for database in filter(None, databases):
        check_address(database, setting="ODDLINE_DATABASE_URL", schemes=("postgresql", "postgres"))
    if settings.redis_url:
        check_address(settings.redis_url, setting="ODDLINE_REDIS_URL", schemes=("redis", "rediss"), path=r"\d*")
    if settings.smtp_url:
        check_address(settings.smtp_url, setting="ODDLINE_SMTP_URL", schemes=("smtp", "smtps"))


@cache
def load_settings() -> Settings:
    """The process's settings, read once."""
    return Settings()
