# METADATA
# title: Aegis egress policy
# description: |
#   Decides whether an agent may reach a destination and call a tool there. Everything that differs
#   between policies is data (data.aegis_cfg); this module is the same for all of them.
#   Rules it keeps: what is not proven is denied, a rule that restricts holds unless the opposite is
#   proven, every argument of a builtin has its type checked, hosts are looked up by key.
# scope: package
package aegis

import data.aegis_cfg as cfg

stage := input.stage

host := input.destination.host

endpoint := concat("", ["connect:", format_int(input.destination.port, 10)]) if {
	stage == "connect"
} else := concat("", [input.destination.scheme, ":", format_int(input.destination.port, 10)])

# Large tables are looked up by path: an engine that is asked for a whole one copies it.
exact := cfg.hosts[host][endpoint] if {
	is_string(cfg.hosts[host][endpoint])
} else := ""

by_suffix(suffix) := cfg.suffixes[suffix][endpoint] if {
	is_string(cfg.suffixes[suffix][endpoint])
} else := ""

labels := split(host, ".")

# Destinations whose wildcard covers the host, the longest suffix first.
covering := [id |
	some index in numbers.range(1, count(labels) - 1)
	id := by_suffix(concat(".", array.slice(labels, index, count(labels))))
	id != ""
] if {
	count(labels) > 1
} else := []

destination := exact if {
	exact != ""
} else := covering[0] if {
	count(covering) > 0
} else := ""

place := cfg.destinations[destination] if {
	is_object(cfg.destinations[destination])
} else := {}

tool := object.get(input, "tool", {})

tool_name := object.get(tool, "name", "")

known_tool := cfg.tools[tool_name] if {
	is_object(cfg.tools[tool_name])
} else := {}

arguments := object.get(tool, "arguments", {})

readable if object.get(tool, "readable", false) == true

# Asked before a call: what hangs on its arguments or its data may turn out either way.
unasked if object.get(tool, "open", false) == true

facts := object.get(input, "facts", {})

# Who has to have the right: the agent, and those it acts on behalf of.
principals := array.concat([input.agent], object.get(input, "on_behalf_of", []))

# The keys under which tables may name an agent.
keys_of(agent) := array.concat(
	array.concat(
		[concat("", ["agent:", object.get(agent, "id", "")]), "*"],
		[concat("", ["group:", group]) | some group in object.get(agent, "groups", [])],
	),
	sets_of(concat("", ["agent:", object.get(agent, "id", "")])),
)

sets_of(key) := cfg.sets[key] if {
	is_array(cfg.sets[key])
} else := []

agent_keys := keys_of(input.agent)

# The organisation's layer, and that of the agent's tenant where it has one.
layers_of(agent) := ["", agent.tenant] if {
	agent.tenant != ""
	is_boolean(cfg.layers[agent.tenant].open)
} else := [""]

views := [{"keys": keys_of(agent), "layer": layer} |
	some agent in principals
	some layer in layers_of(agent)
]

layers := layers_of(input.agent)

# A tool of a server whose tools the policy names, that is not among them.
unnamed if {
	object.get(tool, "kind", "") == "mcp"
	object.get(place, "mcp", false) == true
	not named
}

unnamed if {
	object.get(tool, "kind", "") in ["a2a", "graphql"]
	not named
}

named if object.get(known_tool, "named", false) == true

# Where a rule that permits may stand, for this request.
permit_kinds := [tool_name] if {
	unnamed
} else := [tool_name, "*"]

reach_only if stage == "connect"

reach_only if {
	tool_name == ""
	object.get(place, "mcp", false) == true
}

reach_only if {
	tool_name == ""
	object.get(place, "a2a", false) == true
}

cells(layer, table, kinds, keys) := [entry |
	some kind in kinds
	some key in keys
	some entry in cell(layer, table, kind, key)
]

cell(layer, table, kind, key) := cfg.layers[layer][table][destination][kind][key] if {
	is_array(cfg.layers[layer][table][destination][kind][key])
} else := []

reach_of(layer, key) := cfg.layers[layer].reach[destination][key] if {
	is_array(cfg.layers[layer].reach[destination][key])
} else := []

# A tunnel, and the messages around tool calls: what lets any tool through lets them through.
reached(view) := [[rank_of(entry[0]), entry[1], entry[2], entry[3]] |
	some key in view.keys
	some entry in reach_of(view.layer, key)
	reachable(entry[3])
]

rank_of(rank) := 3 if {
	stage == "connect"
} else := rank

reachable(guard) if guard == ""

reachable(guard) if {
	guard != ""
	count([1 |
		some part in guard_of(guard)
		not part.kind in not_yet
		not holds(part)
	]) == 0
}

# What shows only in the call itself.
not_yet := ["argument", "data"] if {
	stage == "connect"
} else := ["argument"]

permitting(view, table) := reached(view) if {
	reach_only
} else := [entry |
	some entry in cells(view.layer, table, permit_kinds, view.keys)
	proven(entry[3])
]

restricting(table) := [entry |
	stage == "request"
	some view in views
	some entry in cells(view.layer, table, [tool_name, "*"], view.keys)
	not excluded(entry[3])
]

# The verdict -------------------------------------------------------------------------------

common := array.concat(
	array.concat(array.concat(identity, broken), array.concat(misplaced, spent)),
	array.concat(own_causes, unreadable),
)

unknown := [[0, -10, "destination-unknown"] | destination == ""]

default_rule := "tool-unknown" if {
	unnamed
} else := "default-deny"

# What permits in each view: each must have something.
granted := [{"layer": view.layer, "entries": permitting(view, "permit")} | some view in views]

permits := [entry |
	some view in granted
	some entry in view.entries
]

missing := [[0, 2000000, default_rule] |
	some view in granted
	count(view.entries) == 0
	cfg.layers[view.layer].open == false
]

restricts := restricting("restrict")

approved(cause) if {
	cause[0] == 1
	cause[2] in object.get(facts, "approved", [])
}

short(entries) := [[entry[0], entry[1], entry[2]] | some entry in entries]

refusals := [cause |
	some cause in array.concat(
		array.concat(unknown, common),
		array.concat(short(restricts), missing),
	)
	not approved(cause)
]

# With the rules that only observe.
shadow_permits := [entry |
	some view in views
	some entry in permitting(view, "shadow_permit")
]

shadow_missing := [[0, 2000000, default_rule] |
	some view in views
	cfg.layers[view.layer].open == false
	count(permitting(view, "permit")) == 0
	count(permitting(view, "shadow_permit")) == 0
]

shadow_refusals := [cause |
	some cause in array.concat(
		array.concat(unknown, common),
		array.concat(array.concat(short(restricts), short(restricting("shadow_restrict"))), shadow_missing),
	)
	not approved(cause)
]

# The strictest first; of several alike the first in the policy.
strictest(causes, allowing) := sort(causes)[0] if {
	count(causes) > 0
} else := [2, 0, sort(allowing)[0][2]] if {
	count(redact) > 0
	count(allowing) > 0
} else := sort(short(allowing))[0] if {
	count(allowing) > 0
} else := [0, 0, "default-deny"]

verdict := strictest(refusals, permits)

would := strictest(shadow_refusals, array.concat(permits, shadow_permits)) if {
	cfg.shadow == true
} else := verdict

effects := ["deny", "require_approval", "sanitize", "allow"]

approve := [{"id": approval_of(cause[2]), "rule": cause[2]} |
	verdict[0] == 1
	some cause in refusals
	cause[0] == 1
]

approval_of(id) := cfg.rules[id].approval if {
	is_string(cfg.rules[id].approval)
} else := cfg.budgets[id].approval if {
	is_string(cfg.budgets[id].approval)
} else := ""

reason(id) := cfg.messages[id] if {
	is_string(cfg.messages[id])
} else := own_reasons(id)[0] if {
	count(own_reasons(id)) > 0
} else := "Refused by policy."

# METADATA
# description: The decision on the input, whole; undefined means deny.
# entrypoint: true
decision := {
	"effect": effects[verdict[0]],
	"rule": verdict[2],
	"reason": reason(verdict[2]),
	"destination": destination,
	"dial": object.get(place, "addresses", []),
	"redact": redact,
	"mode": cfg.mode,
	"route": route,
	"approve": approve,
	"reserve": accounts,
	"throttle": throttle,
	"would": {"effect": effects[would[0]], "rule": would[2]},
}

# METADATA
# description: Every rule that took part in the decision, from the strictest on.
# entrypoint: true
explanation := {
	"decision": decision,
	"causes": [[effects[cause[0]], cause[2], reason(cause[2])] |
		some cause in sort(array.concat(refusals, short(permits)))
	],
	"observed": [[effects[cause[0]], cause[2], reason(cause[2])] |
		some cause in sort(array.concat(short(restricting("shadow_restrict")), short(shadow_permits)))
	],
}
