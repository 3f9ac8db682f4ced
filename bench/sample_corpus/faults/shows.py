"""How a broken part shows in the lines of the parts that depend on it; searched for in `source<TAB>line`."""

API_ERRORS = (r'^shop-api\t\{.*"level": "error"', r'^shop-api\t\{.*"logger": "psycopg.pool"')
API_CALL_FAILED = (r'^shop-api\t\{.*"msg": "inventory call failed"',)
CELERY_ERRORS = (
    r"^celery(-beat)?\t\[.*: (ERROR|CRITICAL)/",
    r"^celery(-beat)?\t(Traceback \(|  File |    (?! *\.)|\t|\"{3}|The above exception|During handling)",
    r"^celery(-beat)?\t(LINE \d|CONTEXT:  |DETAIL:  |HINT:  |Trying to reconnect|\['|.*Exception raised outside body)",
    r"^celery(-beat)?\t([A-Z]\w+(Error|Exception|Exceeded)|[a-z_]+(\.\w+)+)\b",
)
CELERY_LOST_BROKER = (
    r"^celery(-beat)?\t.*(onnection to broker lost|Cannot connect to redis|Trying again in|beat: Connection error)",
)
ACCESS_5XX = (r'^nginx-access\t.*" 50\d \d+ ',)
NGINX_UPSTREAM = (r"^nginx-error\t.*\[(error|warn|crit)\].*upstream(?! response is buffered)", *ACCESS_5XX)
WEB_FALLOUT = (*API_ERRORS, *NGINX_UPSTREAM)
HAPROXY_FAILED = (
    r"^haproxy\t.*(is DOWN|is UP|has no server available|<NOSRV>)",
    r"^haproxy\t.*stock inventory/\S+ \S+ (50\d|-1) ",
)


def says(source: str, *phrases: str) -> str:
    """The expression that finds a line of a source which holds one of the phrases, each an expression itself."""
    return rf"^{source}\t.*({'|'.join(phrases)})"
