# METADATA
# title: Aegis egress policy
# description: |
#   Decides whether an agent may reach a destination and call a tool there. Everything that differs
#   between policies is data (data.aegis_cfg); this module is the same for all of them.
#   Rules it keeps: what is not proven is denied, a rule that restricts holds unless the opposite is
#   proven, every argument of a builtin has its type checked, hosts are looked up by key.
# scope: package
package aegis

cfg := data.aegis_cfg

stage := input.stage

host := input.destination.host

endpoint := concat("", ["connect:", format_int(input.destination.port, 10)]) if {
	stage == "connect"
} else := concat("", [input.destination.scheme, ":", format_int(input.destination.port, 10)])

exact := object.get(object.get(cfg.hosts, host, {}), endpoint, "")

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

readable if object.get(tool, "readable", false) == true

facts := object.get(input, "facts", {})

# Who has to have the right: the agent, and those it acts on behalf of.
principals := array.concat([input.agent], object.get(input, "on_behalf_of", []))

# The keys under which tables may name an agent.
keys_of(agent) := array.concat(
	array.concat(
		[concat("", ["agent:", object.get(agent, "id", "")]), "*"],
		[concat("", ["group:", group]) | some group in object.get(agent, "groups", [])],
	),
	object.get(cfg.sets, concat("", ["agent:", object.get(agent, "id", "")]), []),
)

agent_keys := keys_of(input.agent)

# The organisation's layer, and that of the agent's tenant where it has one.
layers_of(agent) := array.concat(
	[object.get(cfg.layers, "", {})],
	[layer |
		object.get(agent, "tenant", "") != ""
		layer := object.get(cfg.layers, object.get(agent, "tenant", ""), {})
		layer != {}
	],
)

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
	object.get(tool, "kind", "") == "graphql"
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

cells(table, kinds, keys) := [entry |
	some kind in kinds
	some key in keys
	some entry in object.get(object.get(object.get(table, destination, {}), kind, {}), key, [])
]

# A tunnel, and the messages around tool calls: what lets any tool through lets them through.
reached(view) := [[rank_of(entry[0]), entry[1], entry[2], entry[3]] |
	some key in view.keys
	some entry in object.get(object.get(object.get(view.layer, "reach", {}), destination, {}), key, [])
	reachable(entry[3])
]

rank_of(rank) := 3 if {
	stage == "connect"
} else := rank

reachable(guard) if {
	count([1 |
		some part in object.get(cfg.guards, guard, [])
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
	some entry in cells(object.get(view.layer, table, {}), permit_kinds, view.keys)
	proven(entry[3])
]

restricting(table) := [entry |
	stage == "request"
	some view in views
	some entry in cells(object.get(view.layer, table, {}), [tool_name, "*"], view.keys)
	not excluded(entry[3])
]

# Conditions of rules -----------------------------------------------------------------------

proven(guard) if guard == ""

proven(guard) if {
	guard != ""
	count([1 |
		some part in object.get(cfg.guards, guard, [{"kind": "unknown"}])
		not holds(part)
	]) == 0
}

excluded(guard) if {
	guard != ""
	count([1 |
		some part in object.get(cfg.guards, guard, [])
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
	some check in object.get(known_tool, "checks", [])
	not proves(check)
]

# Who the agent is --------------------------------------------------------------------------

identity_matters if cfg.uses.agents == true

identity_matters if count(principals) > 1

known_agent := object.get(cfg.agents, input.agent.id, {})

identity := array.concat(array.concat(unproven, foreign), undelegated) if {
	identity_matters
} else := []

# One comprehension in one expression: the embedded engine confuses several.
unproven := [[0, -9, "proof-missing"] |
	count(object.get(known_agent, "proof", [])) > 0
	not object.get(input.agent, "proof", "") in known_agent.proof
]

foreign := [[0, -8, "tenant-mismatch"] |
	object.get(known_agent, "tenant", "") != ""
	object.get(input.agent, "tenant", "") != object.get(known_agent, "tenant", "")
]

undelegated := [[0, -7, "delegation-unknown"] |
	some agent in object.get(input, "on_behalf_of", [])
	not may_act_for(agent)
]

may_act_for(agent) if {
	count([1 |
		some key in agent_keys
		some other in object.get(cfg.delegation, key, [])
		other in keys_of(agent)
	]) > 0
}

# Where the data may go ---------------------------------------------------------------------

fences := [fence |
	some layer in layers
	some fence in object.get(layer, "regions", [])
	fenced(fence)
] if {
	cfg.uses.regions == true
} else := []

fenced(fence) if count(fence.data) == 0

fenced(fence) if has_data(fence.data)

fenced(_) if not is_array(object.get(input, "data", ""))

outside(region) := [fence |
	some fence in fences
	not region in fence.allow
]

# The preference is that of the first rule that applies.
elsewhere := [entry |
	count(outside(object.get(place, "region", ""))) > 0
	some wanted in fences[0].allow
	some entry in object.get(place, "endpoints", [])
	entry[0] == wanted
	count(outside(wanted)) == 0
] if {
	cfg.uses.regions == true
} else := []

route := {"region": elsewhere[0][0], "host": elsewhere[0][1]} if {
	count(elsewhere) > 0
} else := {}

misplaced := [[0, 3000000 + fence.order, fence.id] |
	count(elsewhere) == 0
	some fence in outside(object.get(place, "region", ""))
] if {
	cfg.uses.regions == true
} else := []

# What it may spend -------------------------------------------------------------------------

accounts := [{"id": id, "key": key} |
	stage == "request"
	some layer in layers
	some id in object.get(object.get(layer, "budgets", {}), destination, [])
	some key in account_keys(object.get(cfg.budgets, id, {}))
] if {
	cfg.uses.budgets == true
} else := []

account_keys(budget) := [] if {
	not counted(budget)
} else := [concat("", ["agent:", input.agent.id])] if {
	budget.scope == "agent"
} else := [concat("", ["tenant:", object.get(input.agent, "tenant", "")])] if {
	budget.scope == "tenant"
} else := [concat("", ["tool:", tool_name])] if {
	budget.scope == "tool"
} else := [concat("", ["group:", group]) |
	some group in budget.groups
	group in object.get(input.agent, "groups", [])
]

counted(budget) if {
	some key in agent_keys
	key in budget.agents
	count(budget.tools) == 0
}

counted(budget) if {
	some key in agent_keys
	key in budget.agents
	tool_name in budget.tools
}

exceeded := [id |
	some account in accounts
	id := account.id
	id in object.get(facts, "exceeded", [])
] if {
	cfg.uses.budgets == true
} else := []

spent := [[strictness, 4000000 + budget.order, id] |
	some id in exceeded
	budget := object.get(cfg.budgets, id, {"on_exceed": "deny", "order": 0})
	budget.on_exceed != "throttle"
	strictness := object.get({"require_approval": 1}, budget.on_exceed, 0)
] if {
	cfg.uses.budgets == true
} else := []

throttle := [id |
	some id in exceeded
	object.get(cfg.budgets, id, {"on_exceed": "deny"}).on_exceed == "throttle"
] if {
	cfg.uses.budgets == true
} else := []

# What rules of the policy's own say --------------------------------------------------------

findings := data.aegis.own.findings

own_causes := array.concat(own_denials, own_questions) if {
	cfg.uses.own == true
	stage == "request"
} else := []

own_denials := [[0, 5000000, concat("", ["user:", item.id])] | some item in findings.deny]

own_questions := [[1, 5000000, concat("", ["user:", item.id])] | some item in findings.approve]

own_reasons(id) := [item.reason |
	some item in array.concat(findings.deny, findings.approve)
	concat("", ["user:", item.id]) == id
]

# The verdict -------------------------------------------------------------------------------

common := array.concat(
	array.concat(array.concat(identity, broken), array.concat(misplaced, spent)),
	own_causes,
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
	object.get(view.layer, "open", false) == false
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
	object.get(view.layer, "open", false) == false
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

redacting := [id |
	stage == "request"
	some layer in layers
	some id in object.get(object.get(layer, "redact", {}), destination, [])
	applies(object.get(cfg.redaction, id, {}))
] if {
	cfg.uses.redaction == true
} else := []

applies(redaction) if {
	for_tool(redaction)
	for_data(redaction)
}

for_tool(redaction) if count(object.get(redaction, "tools", [])) == 0

for_tool(redaction) if tool_name in redaction.tools

for_data(redaction) if count(object.get(redaction, "data", [])) == 0

for_data(redaction) if has_data(redaction.data)

for_data(_) if not is_array(object.get(input, "data", ""))

by_rules := [id |
	stage == "request"
	some entry in permits
	entry[0] == 2
	some id in object.get(object.get(cfg.rules, entry[2], {}), "redact", [])
] if {
	cfg.uses.sanitize == true
} else := []

by_own := [id |
	stage == "request"
	some id in findings.redact
] if {
	cfg.uses.own == true
} else := []

redact := array.concat(array.concat(redacting, by_rules), by_own)

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
