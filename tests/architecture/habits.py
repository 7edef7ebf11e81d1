"""The habits of this code as rules on its syntax trees; each comes with what it must catch."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tests.architecture.source import Module, Rule, dotted, is_in

# They do not say what is in them, so everything ends up there.
DRAWERS = frozenset({"utils", "util", "helpers", "helper", "manager", "managers", "data", "common", "misc"})

# Where a fault of ours is caught, logged and survived.
BORDERS = ("app/operations/request_scope.py", "app/work/housekeeping.py", "app/work/tick.py")

EVERYTHING = frozenset({"Exception", "BaseException"})

# Tasks live in task groups, which wait for them; these are the reasoned exceptions.
LOOSE_TASKS: Mapping[str, str] = {
    "app/callers/authenticate.py": "the question outlives the request that asked it first",
}
TASK_MAKERS = frozenset({"create_task", "ensure_future"})
# The one place where a fault of any kind is handed to those who wait for it.
FAULT_CARRIERS = ("app/storage/batcher.py",)

CHANGERS = frozenset(
    {"add", "append", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
)

# Which secrets are read where. The upstream key is the bare `key` that the credentials are handed.
READERS: Mapping[str, frozenset[str]] = {
    "app/upstream/credentials.py": frozenset({"key"}),
    "app/settings.py": frozenset({"value"}),  # the form of each secret is checked when the process starts
    "app/callers/admin_key.py": frozenset({"settings.admin_key"}),
    "app/callers/browser_tokens.py": frozenset({"settings.token_keys"}),
    "app/callers/pepper.py": frozenset({"settings.key_pepper"}),
    "app/operations/tracing/tracing.py": frozenset({"settings.traces_headers"}),
    "app/cli/stores.py": frozenset({"settings.database_url"}),
    "app/vault/store.py": frozenset({"settings.vault_access_key", "settings.vault_secret_key"}),
    "app/webhooks/signing_keys.py": frozenset({"settings.webhook_signing_keys"}),
    "app/storage/stores.py": frozenset({"settings.database_url", "settings.redis_url"}),
}

LEVELS = frozenset({"debug", "info", "warning", "error", "critical", "exception"})
LOGGERS = frozenset({"log", "logger"})
ROUTE_STATEMENTS = 12
SQL = re.compile(r"\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|LOCK|SET LOCAL)\s")
STATEMENT_FILE = re.compile(r"(?:\w+_)?(?:repository|statements)\.py")
STATEMENT_PLACES = ("app/storage/", "app/operations/health.py")  # the readiness page asks for one ping
EVENT = re.compile(r"[a-z][a-z_]*\.[a-z][a-z_]*")


def unspeaking_names(module: Module) -> Iterator[str]:
    """A module or folder whose name would fit anything."""
    for part in PurePosixPath(module.path).with_suffix("").parts:
        if part.strip("_") in DRAWERS:
            yield f"{module.path}:1: `{part}` says nothing; name it for what it does"


def swallowed_faults(module: Module) -> Iterator[str]:
    """A handler that catches faults it cannot know."""
    may_catch = {"Exception"} if is_in(module.path, BORDERS) else set()
    for handler in module.every(ast.ExceptHandler):
        if handler.type is None:
            yield module.at(handler, "bare except")
        elif (_names_in(handler.type) & EVERYTHING) - may_catch:
            yield module.at(handler, "catches everything; name the error, or let it reach a border")


def suppressed_faults(module: Module) -> Iterator[str]:
    """The same, said with a function."""
    for call in module.every(ast.Call):
        is_suppress = dotted(call.func).rpartition(".")[2] == "suppress"
        if is_suppress and any(_names_in(kind) & EVERYTHING for kind in call.args):
            yield module.at(call, "suppresses faults of every kind")
        carries = any(keyword.arg == "return_exceptions" for keyword in call.keywords)
        if carries and not is_in(module.path, FAULT_CARRIERS):
            yield module.at(call, "return_exceptions hides faults of every kind")


def _names_in(kind: ast.expr) -> set[str]:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {dotted(one).rpartition(".")[2] for one in kinds}


def globals_set(module: Module) -> Iterator[str]:
    """A function that changes a name of its module."""
    for statement in module.every(ast.Global):
        yield module.at(statement, "global; keep it in an object that the lifespan opens")


def hidden_imports(module: Module) -> Iterator[str]:
    """An import that only runs when its function does."""
    for function in module.functions():
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield module.at(node, "import inside a function hides a cycle instead of removing it")


def loose_tasks(module: Module) -> Iterator[str]:
    """A task that nobody waits for."""
    if module.path in LOOSE_TASKS:
        return
    for call in module.every(ast.Call):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in TASK_MAKERS:
            continue
        is_group = dotted(call.func.value).rpartition(".")[2].lstrip("_") == "group"
        if call.func.attr == "ensure_future" or not is_group:
            yield module.at(call, f"{call.func.attr} outside a task group loses its errors")
    for named in module.every(ast.ImportFrom):
        if named.module == "asyncio" and any(alias.name in TASK_MAKERS for alias in named.names):
            yield module.at(named, "import asyncio itself, so that loose tasks can be seen")


def unnamed_events(module: Module) -> Iterator[str]:
    """A log line whose event is not one constant `noun.verb`."""
    tellers = {
        target.id
        for assignment in module.every(ast.Assign)
        if any(_is_log_method(node) for node in ast.walk(assignment.value) if isinstance(node, ast.Attribute))
        and not isinstance(assignment.value, ast.Call)
        for target in assignment.targets
        if isinstance(target, ast.Name)
    }
    for call in module.every(ast.Call):
        is_teller = isinstance(call.func, ast.Name) and call.func.id in tellers
        if not is_teller and not (isinstance(call.func, ast.Attribute) and _is_log_method(call.func)):
            continue
        event = call.args[0] if call.args else None
        is_constant = isinstance(event, ast.Constant) and isinstance(event.value, str)
        if not is_constant or not EVENT.fullmatch(str(getattr(event, "value", ""))) or len(call.args) > 1:
            yield module.at(call, "the first argument is a plain `noun.verb`, what varies is a field")


def _is_log_method(node: ast.Attribute) -> bool:
    owner = dotted(node.value).rpartition(".")[2].lstrip("_")
    return node.attr in LEVELS and owner in LOGGERS


def read_environment(module: Module) -> Iterator[str]:
    """A variable that is read behind the back of the settings."""
    if module.path == "app/settings.py":
        return
    names = ("environ", "environb", "getenv", "getenvb", "putenv")
    for attribute in module.every(ast.Attribute):
        if dotted(attribute) in {f"os.{name}" for name in names}:
            yield module.at(attribute, "only the settings read the environment")
    for named in module.every(ast.ImportFrom):
        if named.module == "os" and any(alias.name in names for alias in named.names):
            yield module.at(named, "only the settings read the environment")


def commits(module: Module) -> Iterator[str]:
    """A commit outside the one place where transactions end."""
    if module.path.startswith("app/storage/"):
        return
    for call in module.every(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("commit", "rollback", "begin"):
            yield module.at(call, f"{call.func.attr}(): transactions begin and end in `app/storage` alone")


def strewn_statements(module: Module) -> Iterator[str]:
    """SQL outside the modules that hold it."""
    if STATEMENT_FILE.fullmatch(PurePosixPath(module.path).name) or is_in(module.path, STATEMENT_PLACES):
        return
    for constant in module.every(ast.Constant):
        if isinstance(constant.value, str) and SQL.match(constant.value):
            yield module.at(constant, "a statement; it belongs into a repository")


def revealed_secrets(module: Module) -> Iterator[str]:
    """A secret that is read outside its one reader; the upstream key above all."""
    allowed = READERS.get(module.path, frozenset())
    for attribute in module.every(ast.Attribute):
        if attribute.attr == "_secret_value":
            yield module.at(attribute, "a secret is read behind its own back")
        if attribute.attr != "get_secret_value":
            continue
        secret = dotted(attribute.value) or "something"
        if secret not in allowed or "upstream_key" in secret:
            yield module.at(attribute, f"reads the secret `{secret}`; allowed: {sorted(allowed) or 'none'}")


def loose_dependencies(module: Module) -> Iterator[str]:
    """`Depends(` outside the alias that says what it grants."""
    for function in module.functions():
        arguments = function.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if isinstance(default, ast.Call) and dotted(default.func).endswith("Depends"):
                yield module.at(default, "Depends( belongs into an alias named for what it grants")


def busy_routes(module: Module) -> Iterator[str]:
    """A route that does more than parse, call a use case and answer."""
    if not module.path.startswith("app/dialects/"):
        return
    for function in module.functions():
        if not any(_is_route(decorator) for decorator in function.decorator_list):
            continue
        statements = len(function.body) - (ast.get_docstring(function) is not None)
        if statements > ROUTE_STATEMENTS:
            yield module.at(function, f"{function.name} has {statements} statements; routes only translate")


def _is_route(decorator: ast.expr) -> bool:
    name = dotted(decorator.func) if isinstance(decorator, ast.Call) else dotted(decorator)
    return name.rpartition(".")[0].endswith("router")


def mutable_module_state(module: Module) -> Iterator[str]:
    """A dict, list or set of a module that something in the module changes."""
    held = {
        target.id
        for statement in module.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Dict | ast.List | ast.Set | ast.Call)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    for function in module.functions():
        names = (node for node in ast.walk(function) if isinstance(node, ast.Name))
        own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        for node in ast.walk(function):
            changed = _changed(node)
            if isinstance(changed, ast.Name) and changed.id in held - own:
                yield module.at(changed, f"changes the module's own `{changed.id}`")


def _changed(node: ast.AST) -> ast.expr | None:
    """What a call of `append` and the like, or an assignment to an item, changes."""
    match node:
        case ast.Call(func=ast.Attribute(attr=attr, value=owner)) if attr in CHANGERS:
            return owner
        case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()):
            return owner
    return None


X = "app/jobs/submit.py"

RULES = (
    Rule(
        "modules-are-named-for-what-they-do",
        unspeaking_names,
        [("app/jobs/utils.py", ""), ("app/common/money.py", ""), ("app/callers/_helpers.py", "")],
    ),
    Rule(
        "faults-are-caught-at-two-borders-only",
        swallowed_faults,
        [
            (X, "try:\n    f()\nexcept:\n    pass"),
            (X, "try:\n    f()\nexcept Exception:\n    pass"),
            (X, "try:\n    f()\nexcept (ValueError, Exception) as error:\n    pass"),
            (BORDERS[0], "try:\n    f()\nexcept BaseException:\n    pass"),
        ],
    ),
    Rule(
        "no-fault-is-suppressed",
        suppressed_faults,
        [
            (X, "with suppress(Exception):\n    f()"),
            (X, "await asyncio.gather(f(), return_exceptions=True)"),
        ],
    ),
    Rule("no-global-statement", globals_set, [(X, "def f():\n    global seen\n    seen = 1")]),
    Rule(
        "no-module-holds-changing-state",
        mutable_module_state,
        [
            (X, "SEEN = {}\ndef f():\n    SEEN['a'] = 1"),
            (X, "SEEN: list[int] = []\ndef f():\n    SEEN.append(1)"),
        ],
    ),
    Rule(
        "imports-stand-at-the-top",
        hidden_imports,
        [(X, "def f():\n    import json"), (X, "class A:\n    async def f(self):\n        from a import b")],
    ),
    Rule(
        "tasks-live-in-groups",
        loose_tasks,
        [
            (X, "asyncio.create_task(f())"),
            (X, "asyncio.ensure_future(f())"),
            (X, "asyncio.get_running_loop().create_task(f())"),
            (X, "loop.create_task(f())"),
            (X, "from asyncio import create_task"),
        ],
    ),
    Rule(
        "log-events-are-constant-names",
        unnamed_events,
        [
            (X, "log.info('Job was submitted')"),
            (X, "log.info(f'job.{word}')"),
            (X, "log.warning('job.lost %s', job_id)"),
            (X, "self._log.error(event='job.lost')"),
            (X, "tell = log.info if calm else log.error\ntell('answered')"),
        ],
    ),
    Rule(
        "only-the-settings-read-the-environment",
        read_environment,
        [(X, "os.environ['HOME']"), (X, "os.getenv('HOME')"), (X, "from os import environ")],
    ),
    Rule(
        "transactions-end-in-storage", commits, [(X, "session.commit()"), (X, "await connection.rollback()")]
    ),
    Rule(
        "statements-stand-in-repositories",
        strewn_statements,
        [(X, "rows = await f('SELECT 1')"), (X, 'F = """\\n    WITH due AS (SELECT 1)"""')],
    ),
    Rule(
        "each-secret-has-one-reader",
        revealed_secrets,
        [
            (X, "key.get_secret_value()"),
            ("app/storage/stores.py", "settings.upstream_key.get_secret_value()"),
            ("app/storage/stores.py", "check_startable(settings).get_secret_value()"),
            ("app/storage/stores.py", "read = settings.admin_key.get_secret_value"),
            (X, "key._secret_value"),
        ],
    ),
    Rule(
        "dependencies-are-aliases",
        loose_dependencies,
        [("app/dialects/x.py", "def f(caller=Depends(require_caller)):\n    pass")],
    ),
    Rule(
        "routes-only-translate",
        busy_routes,
        [
            (
                "app/dialects/x.py",
                "@router.get('/x')\nasync def f():\n" + "    a = 1\n" * (ROUTE_STATEMENTS + 1),
            )
        ],
    ),
)
