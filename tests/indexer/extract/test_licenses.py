"""Licences as people write them, and the SPDX identifiers they mean."""

import time

import pytest

from indexer.extract.licenses import license_expression, license_url, licenses


@pytest.mark.parametrize(
    ("raw", "found", "expression"),
    [
        ("MIT", ("MIT",), "MIT"),
        ("mit", ("MIT",), "MIT"),
        ("Apache-2.0 AND MIT", ("Apache-2.0", "MIT"), "Apache-2.0 AND MIT"),
        (
            "(MIT OR Apache-2.0) AND BSD-3-Clause",
            ("MIT", "Apache-2.0", "BSD-3-Clause"),
            "(MIT OR Apache-2.0) AND BSD-3-Clause",
        ),
        ("mit and apache-2.0", ("MIT", "Apache-2.0"), "MIT AND Apache-2.0"),
        (
            "GPL-2.0-only WITH classpath-exception-2.0",
            ("GPL-2.0-only", "Classpath-exception-2.0"),
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ),
        ("MIT,ISC | Zlib , MIT", ("MIT", "ISC", "Zlib"), "MIT AND ISC OR Zlib AND MIT"),
        ("Apache License 2.0", ("Apache-2.0",), "Apache-2.0"),
        ("Apache License, Version 2.0", ("Apache-2.0",), "Apache-2.0"),
        ("The MIT License", ("MIT",), "MIT"),
        ("GPLv2+", ("GPL-2.0-or-later",), "GPL-2.0-or-later"),
        ("GPLv3, BSD 3-Clause", ("GPL-3.0-only", "BSD-3-Clause"), "GPL-3.0-only AND BSD-3-Clause"),
        ("GPL-2.0+", ("GPL-2.0+",), "GPL-2.0+"),
        ("LicenseRef-Acme-EULA", ("LicenseRef-Acme-EULA",), "LicenseRef-Acme-EULA"),
        ("LicenseRef-AND-more", ("LicenseRef-AND-more",), "LicenseRef-AND-more"),
        ("Proprietary", ("Proprietary",), "Proprietary"),
        (
            "GNU General Public License v2 or later",
            ("GNU General Public License v2 or later",),
            "GNU General Public License v2 or later",
        ),
        ("", (), ""),
        (" AND ", (), ""),
        ("MIT OR", ("MIT",), "MIT"),
        (", MIT,, ISC", ("MIT", "ISC"), "MIT AND ISC"),
        ("(MIT", ("MIT",), "MIT"),
        ('["MIT"]', (), ""),
    ],
)
def test_licenses(raw: str, found: tuple[str, ...], expression: str) -> None:
    assert licenses(raw) == found
    assert license_expression(raw) == expression


@pytest.mark.parametrize("unit", ["(", ")", "MIT AND ", "x and ", ",", "a b ", "(MIT "])
def test_hostile_licences_are_bounded_and_cost_linear_time(unit: str) -> None:
    started = time.process_time()
    found = licenses(unit * (65_536 // len(unit)))
    expression = license_expression(unit * (65_536 // len(unit)))
    assert time.process_time() - started < 0.5
    assert len(found) <= 100
    assert all(len(one) <= 256 for one in found)
    assert len(expression) <= 1_024


def test_the_address_of_terms_is_a_licence() -> None:
    assert license_url("https://terms.example") == ("https://terms.example",)
    assert license_url("see the terms") == ()
