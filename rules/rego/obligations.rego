package aegis

import data.aegis_cfg as cfg

# Who the agent is --------------------------------------------------------------------------

identity_matters if cfg.uses.agents == true

identity_matters if count(principals) > 1

known_agent := cfg.agents[input.agent.id] if {
	is_object(cfg.agents[input.agent.id])
} else := {}

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

delegated(key) := cfg.delegation[key] if {
	is_array(cfg.delegation[key])
} else := []

may_act_for(agent) if {
	count([1 |
		some key in agent_keys
		some other in delegated(key)
		other in keys_of(agent)
	]) > 0
}

# Where the data may go ---------------------------------------------------------------------

fences := [fence |
	some layer in layers
	some fence in cfg.layers[layer].regions
	fenced(fence)
] if {
	cfg.uses.regions == true
} else := []

fenced(fence) if count(fence.data) == 0

fenced(fence) if has_data(fence.data)

fenced(_) if not is_array(object.get(input, "data", ""))

# Where the call goes as it is: what the policy says of the destination comes before what its host
# says. Each region is a list of the names it may be allowed under.
located := object.get(input, "region", {})

asked := object.get(located, "asked", [])

here := place.regions if {
	count(object.get(place, "regions", [])) > 0
} else := located.host if {
	count(object.get(located, "host", [])) > 0
} else := asked[0] if {
	count(asked) > 0
} else := []

# Only the request will say, and this is its tunnel.
said_later if {
	stage == "connect"
	count(here) == 0
	object.get(located, "later", false) == true
}

inside(names, fence) if {
	some name in names
	name in fence.allow
}

outside(names) := [fence |
	some fence in fences
	not inside(names, fence)
]

astray := [fence |
	some names in asked
	some fence in outside(names)
]

# The preference is that of the first rule that applies. Another host does not change what the
# request itself asks for.
elsewhere := [entry |
	count(outside(here)) > 0
	count(astray) == 0
	some wanted in fences[0].allow
	some entry in object.get(place, "endpoints", [])
	wanted in entry[2]
	count(outside(entry[2])) == 0
] if {
	cfg.uses.regions == true
} else := []

route := {"region": elsewhere[0][0], "host": elsewhere[0][1]} if {
	count(elsewhere) > 0
} else := {}

misplaced := array.concat(misplaced_here, misplaced_by_request) if {
	cfg.uses.regions == true
} else := []

misplaced_here := [[0, 3000000 + fence.order, fence.id] |
	count(elsewhere) == 0
	not said_later
	some fence in outside(here)
]

misplaced_by_request := [[0, 3000000 + fence.order, fence.id] | some fence in astray]

# What nobody can read ----------------------------------------------------------------------

unreadable := [[0, -6, object.get(place, "opaque_rule", "")] |
	stage == "request"
	bound := object.get(place, "opaque_bodies", -1)
	bound >= 0
	not within_bound(bound)
] if {
	cfg.uses.opaque_bodies == true
} else := []

within_bound(bound) if {
	is_number(input.request.opaque)
	input.request.opaque <= bound
}

# What it may spend -------------------------------------------------------------------------

accounts := [{"id": id, "key": key} |
	stage == "request"
	some layer in layers
	some id in budgets_of(layer)
	some key in account_keys(cfg.budgets[id])
] if {
	cfg.uses.budgets == true
} else := []

budgets_of(layer) := cfg.layers[layer].budgets[destination] if {
	is_array(cfg.layers[layer].budgets[destination])
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

# What is taken out ------------------------------------------------------------------------

redacting := [id |
	stage == "request"
	some layer in layers
	some id in redactions_of(layer)
	applies(object.get(cfg.redaction, id, {}))
] if {
	cfg.uses.redaction == true
} else := []

redactions_of(layer) := cfg.layers[layer].redact[destination] if {
	is_array(cfg.layers[layer].redact[destination])
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
