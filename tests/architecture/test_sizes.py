"""How large modules and functions may be; the numbers are those of the better half of admired services."""

from statistics import median, quantiles

from tests.architecture.source import Module, app_modules, list_of

MODULE_LINES = 400
MODULE_LINES_MEDIAN = 110
FUNCTION_LINES = 50
FUNCTION_LINES_MEDIAN = 10
FUNCTION_LINES_NINE_OF_TEN = 30


def test_no_module_is_longer_than_one_can_keep_in_mind() -> None:
    long = too_long_modules(app_modules())
    assert not long, f"split what answers more than one question:{list_of(long)}"


def test_modules_are_small_as_a_rule() -> None:
    sizes = [lines for module in app_modules() if (lines := lines_of(module)) > 0]
    assert median(sizes) <= MODULE_LINES_MEDIAN


def test_no_function_is_longer_than_a_page() -> None:
    long = too_long_functions(app_modules())
    assert not long, f"let the steps be functions below the story:{list_of(long)}"


def test_functions_are_small_as_a_rule() -> None:
    sizes = [size for module in app_modules() for _, _, size in function_sizes(module)]
    assert median(sizes) <= FUNCTION_LINES_MEDIAN
    assert quantiles(sizes, n=10)[8] <= FUNCTION_LINES_NINE_OF_TEN


def test_the_limits_catch_what_is_too_long() -> None:
    assert too_long_modules([Module("app/x.py", "A = 1\n" * (MODULE_LINES + 1))])
    assert not too_long_modules([Module("app/x.py", "A = 1\n" * MODULE_LINES)])
    assert too_long_functions([Module("app/x.py", "def f():\n" + "    pass\n" * FUNCTION_LINES)])
    assert not too_long_functions([Module("app/x.py", "def f():\n" + "    pass\n" * (FUNCTION_LINES - 1))])


def lines_of(module: Module) -> int:
    return len(module.text.splitlines())


def function_sizes(module: Module) -> list[tuple[str, int, int]]:
    """Name, first line and number of lines of each function, from `def` to its last line."""
    return [
        (function.name, function.lineno, (function.end_lineno or function.lineno) - function.lineno + 1)
        for function in module.functions()
    ]


def too_long_modules(modules: tuple[Module, ...] | list[Module]) -> list[str]:
    sizes = ((module.path, lines_of(module)) for module in modules)
    return [f"{path}: {size} lines, at most {MODULE_LINES}" for path, size in sizes if size > MODULE_LINES]


def too_long_functions(modules: tuple[Module, ...] | list[Module]) -> list[str]:
    return [
        f"{module.path}:{line}: {name} has {size} lines, at most {FUNCTION_LINES}"
        for module in modules
        for name, line, size in function_sizes(module)
        if size > FUNCTION_LINES
    ]
