"""Under which licences the packages of the lock files are, by their own installed metadata."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

# What may be shipped with the gateway: permissive ones, and MPL-2.0, which asks for changes to its own files.
PERMISSIVE: Final = "0BSD Apache-2.0 BSD BSD-2-Clause BSD-3-Clause ISC MIT MIT-0 MIT-CMU PSF-2.0"
SHIPPED: Final = frozenset({*PERMISSIVE.split(), "MPL-2.0"})
# As people write them, in metadata that is older than SPDX's names.
WRITTEN: Final = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "bsd 2-clause license": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
# Without metadata, or not installed here: what the licence file in the package or its repository says.
STATED: Final = {
    "async-timeout": "Apache-2.0",  # for Python before 3.11 only; LICENSE in aio-libs/async-timeout
    "colorama": "BSD-3-Clause",  # for Windows only; LICENSE.txt in tartley/colorama
    "fal-client": "Apache-2.0",  # licenses/LICENSE within the package
    "httpx2-jsfetch": "BSD-3-Clause",  # for browsers only; it is developed with httpx2, which says so
    "pyreqwest": "Apache-2.0",  # licenses/LICENSE within the package
}

_WORDS: Final = re.compile(r"[A-Za-z0-9.+-]+")
_JOINTS: Final = frozenset({"AND", "OR", "WITH"})


def licences_of(package: str) -> set[str]:
    """The names of its licences; where one may choose between several, all of them."""
    if package in STATED:
        return {STATED[package]}
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return set()
    [expression, whole] = [(told.get_all(name) or [""])[0] for name in ("License-Expression", "License")]
    if expression:
        return names_in(expression)
    classifiers = [one for one in told.get_all("Classifier") or [] if one.startswith("License ::")]
    named = [one.rpartition(" :: ")[2] for one in classifiers]
    # Some have the whole text in the other field, beside a classifier.
    return {name for one in named or [whole] for name in names_in(one)}


def names_in(words: str) -> set[str]:
    """The licences that an expression names."""
    known = WRITTEN.get(words.strip().lower())
    return {known} if known else {word for word in _WORDS.findall(words) if word not in _JOINTS}


def unfit(licences: set[str]) -> set[str]:
    """Those that may not be shipped; something without a licence may not either."""
    return licences - SHIPPED if licences else {"none"}
