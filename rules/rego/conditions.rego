package aegis

import data.aegis_cfg as cfg

# Conditions of rules -----------------------------------------------------------------------

# The conditions of a rule; what is not there neither holds nor fails.
guard_of(name) := cfg.guards[name] if {
	is_array(cfg.guards[name])
} else := [{"kind": "unknown"}]

proven(guard) if guard == ""

proven(guard) if {
	guard != ""
	count([1 |
		some part in guard_of(guard)
		not holds(part)
	]) == 0
}

excluded(guard) if {
	guard != ""
	count([1 |
		some part in guard_of(guard)
		fails(part)
	]) > 0
}

clock_known(windows) if {
	count([1 |
		some window in windows
		not object.get(object.get(input, "clock", {}), window.zone, "") != ""
	]) == 0
}

within(windows) if {
	some window in windows
	now := object.get(object.get(input, "clock", {}), window.zone, {"day": -1, "minute": -1})
	object.get(now, "day", -1) in window.days
	is_number(object.get(now, "minute", ""))
	object.get(now, "minute", -1) >= window.from
	object.get(now, "minute", -1) < window.to
}

label(name) := object.get(object.get(input, "environment", {}), name, "")

has_data(wanted) if {
	some name in object.get(input, "data", [])
	name in wanted
}

holds(part) if {
	unasked
	part.kind in ["argument", "data"]
}

fails(part) if {
	unasked
	part.kind in ["argument", "data"]
}

holds(part) if {
	part.kind == "time"
	within(part.windows)
}

holds(part) if {
	part.kind == "label"
	label(part.name) in part.values
}

holds(part) if {
	part.kind == "data"
	has_data(part.labels)
}

holds(part) if {
	part.kind == "argument"
	readable
	present(part.check.argument)
	proves(part.check)
}

fails(part) if {
	part.kind == "time"
	clock_known(part.windows)
	not within(part.windows)
}

fails(part) if {
	part.kind == "label"
	is_string(label(part.name))
	label(part.name) != ""
	not label(part.name) in part.values
}

fails(part) if {
	part.kind == "data"
	is_array(object.get(input, "data", ""))
	not has_data(part.labels)
}

fails(part) if {
	part.kind == "argument"
	readable
	not present(part.check.argument)
}

fails(part) if {
	part.kind == "argument"
	readable
	present(part.check.argument)
	proves(part.opposite)
}

# Constraints on arguments ------------------------------------------------------------------

present(name) if name in object.keys(arguments)

value(name) := object.get(arguments, name, null)

# What a check looks at: the value, each element of it, or each of what a path found.
values(check) := [value(check.argument)] if {
	check.each == 0
} else := value(check.argument) if {
	check.each == 1
	is_array(value(check.argument))
} else := [value(check.argument)] if {
	check.each == 1
} else := [element |
	is_array(value(check.argument))
	some found in value(check.argument)
	is_array(found)
	some element in found
]

# What a path found is a list of lists; anything else is not proven.
whole(check) if check.each != 2

whole(check) if {
	is_array(value(check.argument))
	count([1 |
		some found in value(check.argument)
		not is_array(found)
	]) == 0
}

# An element that is missing is an empty list among what a path found.
complete(check) if check.each != 2

complete(check) if {
	is_array(value(check.argument))
	count([1 |
		some found in value(check.argument)
		found == []
	]) == 0
}

proves(check) if {
	check.family == "required"
	present(check.argument)
	whole(check)
	complete(check)
	count([1 |
		some element in values(check)
		element == null
	]) == 0
}

proves(check) if {
	check.family == "readable"
	readable
}

proves(check) if {
	not check.family in {"required", "readable"}
	not present(check.argument)
}

proves(check) if {
	not check.family in {"required", "readable"}
	check.each == 0
	present(check.argument)
	keeps(check, value(check.argument))
}

proves(check) if {
	not check.family in {"required", "readable"}
	check.each > 0
	present(check.argument)
	whole(check)
	count([1 |
		some element in values(check)
		not keeps(check, element)
	]) == 0
}

keeps(check, element) if {
	check.family == "number"
	is_number(element)
	compares(check.kind, check.bound, element)
}

keeps(check, element) if {
	check.family == "size"
	sized(element)
	compares(check.kind, check.bound, length(element))
}

keeps(check, element) if {
	check.family == "text"
	is_string(element)
	matches(check.kind, check.bound, element)
}

keeps(check, element) if {
	check.family == "set"
	belongs(check.kind, check.bound, element)
}

keeps(check, element) if {
	check.family == "type"
	typed(check.kind, check.bound, element)
}

compares("max", bound, number) if number <= bound

compares("min", bound, number) if number >= bound

compares("over", bound, number) if number > bound

compares("under", bound, number) if number < bound

matches("pattern", bound, text) if regex.match(bound, text)

matches("not_pattern", bound, text) if not regex.match(bound, text)

belongs("enum", bound, element) if element in bound

# Only a value of their own kind is proven not to be one of them.
belongs("not_enum", bound, element) if {
	not element in bound
	type_name(element) in {"string", "number", "boolean"}
	count([1 |
		some wanted in bound
		type_name(wanted) != type_name(element)
	]) == 0
}

typed("type", bound, element) if type_name(element) == bound

typed("type", "integer", element) if {
	is_number(element)
	in_range(element)
	floor(element) == element
}

typed("not_type", bound, element) if {
	bound != "integer"
	type_name(element) != bound
}

typed("not_type", "integer", element) if not is_number(element)

typed("not_type", "integer", element) if {
	is_number(element)
	in_range(element)
	floor(element) != element
}

# Beyond it the engines differ in what floor gives.
in_range(number) if {
	number >= -18446744073709551615
	number <= 18446744073709551615
}

sized(element) if is_string(element)

sized(element) if is_array(element)

# Characters; of a text itself the engines count different units.
length(element) := count(split(element, "")) if {
	is_string(element)
} else := count(element)

# Constraints of the tool that this call does not prove to keep.
broken := [[0, 1000000 + check.order, check.id] |
	stage == "request"
	not unasked
	some check in object.get(known_tool, "checks", [])
	not proves(check)
]
