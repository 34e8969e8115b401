"""Units on axes: what the file's attributes say, in the multiples that people read."""

# Factor from the unit of the file to the one that is shown.
FACTORS = {("s", "s"): 1.0, ("s", "ms"): 1e3, ("B", "GB"): 1e-9}


def in_unit(variable, unit):
    """A variable of the summary in another unit, with its attributes brought along."""
    scaled = variable * FACTORS[variable.attrs["units"], unit]
    return scaled.assign_attrs(variable.attrs, units=unit)


def label(variable):
    """Axis label of a variable: its long name and, in parentheses, its unit."""
    name, unit = variable.attrs["long_name"], variable.attrs["units"]
    name = name[0].upper() + name[1:]
    return name if unit == "1" else f"{name} ({unit})"


def short(value):
    """A number in three significant digits, or more where they stand before the point: 0.0123, 1.23, 123, 12,345."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"
