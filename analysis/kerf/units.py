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
    """A number in three significant digits: 0.0123, 1.23, 12.3, 123, 12,300."""
    if value == 0 or value != value:
        return f"{value:g}"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:#.3g}"
