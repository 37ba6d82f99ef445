# METADATA
# title: Aegis egress policy
# description: |
#   Decides whether an agent may reach a destination and call a tool there. Everything that differs
#   between policies is data (data.aegis_cfg); this module is the same for all of them.
#   Rules it keeps: what is not proven is denied, every argument of a builtin has its type checked,
#   hosts are looked up by key and never scanned.
# scope: package
package aegis

cfg := data.aegis_cfg

# The keys under which a rule may name this agent.
agent_keys := array.concat(
	[concat("", ["agent:", input.agent.id]), "*"],
	[concat("", ["group:", group]) | some group in input.agent.groups],
)

stage := input.stage

host := input.destination.host

endpoint := concat("", ["connect:", format_int(input.destination.port, 10)]) if {
	stage == "connect"
} else := concat("", [input.destination.scheme, ":", format_int(input.destination.port, 10)])

labels := split(host, ".")

# Destinations whose wildcard covers the host, the longest suffix first.
covering := [id |
	some index in numbers.range(1, count(labels) - 1)
	suffix := concat(".", array.slice(labels, index, count(labels)))
	id := object.get(object.get(cfg.suffixes, suffix, {}), endpoint, "")
	id != ""
] if {
	count(labels) > 1
} else := []

exact := object.get(object.get(cfg.hosts, host, {}), endpoint, "")

destination := exact if {
	exact != ""
} else := covering[0] if {
	count(covering) > 0
} else := ""

place := object.get(cfg.destinations, destination, {})

tool := object.get(input, "tool", {})

tool_name := object.get(tool, "name", "")

known_tool := object.get(cfg.tools, tool_name, {})

arguments := object.get(tool, "arguments", {})

# A tool of an MCP server whose tools the policy names, that is not among them.
unnamed if {
	object.get(tool, "kind", "") == "mcp"
	object.get(place, "mcp", false) == true
	not named
}

named if object.get(known_tool, "named", false) == true

# Ids of the rules of a table that name this agent, in the order of the policy.
hits(table, kind) := [entry |
	by_agent := object.get(object.get(table, destination, {}), kind, {})
	some key in agent_keys
	entry := object.get(by_agent, key, [])
	count(entry) > 0
]

first(entries) := sort(entries)[0][1]

forbidding := array.concat(hits(cfg.deny, tool_name), hits(cfg.deny, "*"))

permitting := hits(cfg.reach, "*") if {
	stage == "connect"
} else := hits(cfg.allow, tool_name) if {
	unnamed
} else := hits(cfg.reach, "*") if {
	tool_name == ""
	object.get(place, "mcp", false) == true
} else := array.concat(hits(cfg.allow, tool_name), hits(cfg.allow, "*"))

present(name) if name in object.keys(arguments)

value(name) := object.get(arguments, name, null)

holds(check) if {
	check.kind != "required"
	check.kind != "readable"
	not present(check.argument)
}

holds(check) if {
	check.kind == "required"
	present(check.argument)
	value(check.argument) != null
}

holds(check) if {
	check.kind == "readable"
	object.get(tool, "readable", false) == true
}

holds(check) if {
	check.kind == "max"
	is_number(value(check.argument))
	value(check.argument) <= check.bound
}

holds(check) if {
	check.kind == "min"
	is_number(value(check.argument))
	value(check.argument) >= check.bound
}

holds(check) if {
	check.kind == "enum"
	value(check.argument) in check.bound
}

holds(check) if {
	check.kind == "pattern"
	is_string(value(check.argument))
	regex.match(check.bound, value(check.argument))
}

holds(check) if {
	check.kind == "max_length"
	is_string(value(check.argument))
	count(value(check.argument)) <= check.bound
}

holds(check) if {
	check.kind == "min_length"
	is_string(value(check.argument))
	count(value(check.argument)) >= check.bound
}

holds(check) if {
	check.kind == "type"
	type_name(value(check.argument)) == check.bound
}

holds(check) if {
	check.kind == "type"
	check.bound == "integer"
	is_number(value(check.argument))
	floor(value(check.argument)) == value(check.argument)
}

# Constraints of the tool that this call does not prove to keep.
broken := [[check.order, check.id] |
	stage == "request"
	some check in object.get(known_tool, "checks", [])
	not holds(check)
]

effect_and_rule := ["deny", "destination-unknown"] if {
	destination == ""
} else := ["deny", first(forbidding)] if {
	stage == "request"
	count(forbidding) > 0
} else := ["deny", first(broken)] if {
	count(broken) > 0
} else := ["deny", "tool-unknown"] if {
	unnamed
	count(permitting) == 0
} else := ["deny", "default-deny"] if {
	count(permitting) == 0
} else := ["sanitize", first(permitting)] if {
	stage == "request"
	count(object.get(place, "redact", [])) > 0
} else := ["allow", first(permitting)]

# METADATA
# description: The decision on the input, whole; undefined means deny.
# entrypoint: true
decision := {
	"effect": effect_and_rule[0],
	"rule": effect_and_rule[1],
	"reason": object.get(cfg.messages, effect_and_rule[1], "Refused by policy."),
	"destination": destination,
	"dial": object.get(place, "addresses", []),
	"redact": object.get(place, "redact", []),
	"mode": cfg.mode,
}
