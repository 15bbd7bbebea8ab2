"""Scalars that are not strings are converted as Sloth's YAML reader converts them.

The table is what sigs.k8s.io/yaml 1.4, which Sloth reads specs with, gives for a map of strings.
"""

import pytest

from generator.profiles.sloth.resolve import convert_scalar

AS_SLOTH = """
22:30=22:30 1:2:3=1:2:3 190:20:30.15=190:20:30.15 1e3=1000 1E3=1000 1e+3=1000 y=true n=false
Y=true yes=true No=false on=true True=true TRUE=true tRUE=tRUE .inf=+Inf -.inf=-Inf +.inf=+Inf
.nan=NaN NaN=NaN inf=inf 0o17=15 0O17=15 017=15 -017=-15 -0o17=-15 08=8 019=19 00=0 0x1F=31
0X1F=31 -0x10=-16 +0x1=1 0b101=5 -0b1=-1 0b2=0b2 0xG=0xG 1_000=1000 1_0.5=10.5 1_=1 _1=_1 .1_1=0.11
+5=5 -5=-5 -0=0 -0.0=-0 5.=5 .5=0.5 -.5=-0.5 1.10=1.1 1.0=1 100000.5=100000.5 1234567.0=1.234567e+06
16777217.0=1.6777216e+07 3.14159265358979=3.1415927 1e-5=1e-05 1e-50=0 1e38=1e+38 1e39=+Inf
-1e39=-Inf 1e400=1e400 1e=1e e5=e5 123456789012345678901=1.2345679e+20
18446744073709551615=18446744073709551615 9223372036854775808=9223372036854775808
2024-01-02=2024-01-02 1.2.3=1.2.3 -=- .=. text=text 9.99e1=99.9
"""


@pytest.mark.parametrize("case", AS_SLOTH.split())
def test_a_plain_scalar_is_the_text_that_sloth_makes_of_it(case: str) -> None:
    written, text = case.split("=")
    assert convert_scalar(written) == text
