"""A policy that uses every part of the language, for tests."""

RICH = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: rich}
mode: enforce
agents:
  - {id: planner, groups: [office], labels: {stage: staging}}
  - {id: finance, groups: [money], proof: [token]}
  - {id: nurse, groups: [ward], proof: [client_certificate], tenant: clinic}
  - {id: builder, groups: [office, ops], labels: {stage: production}}
delegation:
  - {agents: [finance], for: [planner, "group:ward"]}
destinations:
  - {id: pay, hosts: [pay.test, "*.pay.test"], region: us}
  - {id: ehr, hosts: [ehr.test], region: us, tier: clinical, addresses: [10.0.0.0/8]}
  - {id: model, hosts: [model.test], region: us, endpoints: {eu: eu.model.test, us: model.test}}
  - {id: notes, hosts: [notes.test], ports: [443, 8443], schemes: [https]}
  - {id: graph, hosts: [graph.test], region: eu, opaque_bodies: 1KB}
tools:
  - id: pay.create
    destination: pay
    http: {methods: [POST], path: "/v1/payments"}
    arguments:
      max_amount: 5000
      min_amount: 1
      currency: {enum: [USD, EUR], required: true}
      account: {pattern: "[A-Z]{2}[0-9]+", max_length: 12, min_length: 4}
      tags: {max_length: 3, each: {type: string, max_length: 8}}
      items: {from: "$.lines[*].amount", under: 100, required: true}
  - id: pay.list
    destination: pay
    http: {methods: [GET], path: "/v1/payments"}
  - id: ehr.read
    destination: ehr
    http: {methods: [GET], path: "/fhir/{rest*}"}
    data: [phi]
  - id: deploy
    destination: notes
    http: {methods: [POST], path: "/deploy/{where}"}
    arguments:
      count: {type: integer}
  - id: notes.write
    mcp: {server: notes, tool: write}
  - id: graph.transfer
    destination: graph
    graphql: {type: mutation, fields: [transfer]}
data:
  - {id: phi, entities: [US_SSN, MEDICAL_RECORD_NUMBER], destinations: [ehr]}
  - {id: secret, entities: [CREDIT_CARD]}
approvals:
  - {id: money, channel: "#money", approvers: 2, expires: 1h}
rules:
  - {id: office-lists, agents: ["group:office"], tools: [pay.list], effect: allow}
  - {id: finance-pays, agents: [finance, planner], tools: [pay.create], effect: allow}
  - id: large
    agents: ["*"]
    tools: [pay.create]
    when: {arguments: {amount: {over: 1000}}}
    effect: require_approval
    approval: money
  - id: not-euros
    agents: [planner]
    tools: [pay.create]
    when: {arguments: {currency: {enum: [EUR]}, account: {pattern: "DE.*"}}}
    effect: deny
  - {id: ward-reads, agents: ["group:ward"], tools: [ehr.read], effect: allow}
  - {id: everybody-models, agents: ["*"], destinations: [model], effect: allow}
  - id: secrets-stay
    agents: ["*"]
    destinations: [model]
    when: {data: [secret]}
    effect: deny
  - id: office-hours
    agents: ["*"]
    destinations: [notes]
    when: {time: [{days: [mon-fri], from: "09:00", to: "17:00", zone: Europe/Berlin}]}
    effect: allow
  - id: night
    agents: [builder]
    tools: [deploy]
    when: {time: [{from: "22:00", to: "06:00"}]}
    effect: deny
  - id: production
    agents: ["*"]
    tools: [deploy]
    when: {labels: {stage: [production]}}
    effect: require_approval
  - {id: writes, agents: ["*"], tools: [notes.write], effect: sanitize, redact: [cards]}
  - {id: watch-planner, agents: [planner], destinations: [model], effect: deny, mode: observe}
  - {id: try-list, agents: [nurse], tools: [pay.list], effect: allow, mode: observe}
  - {id: graphs, agents: ["*"], tools: [graph.transfer], effect: allow}
  - {id: many, agents: [a1, a2, a3, a4, a5, a6, a7, a8, a9, planner], tools: [pay.list], effect: allow}
budgets:
  - {id: daily, scope: agent, unit: dollars, limit: 20, window: 1d, destinations: [model]}
  - {id: team, agents: ["group:office"], scope: group, unit: tokens, limit: 100, window: 1h,
     on_exceed: require_approval, approval: money}
rates:
  - {id: slow, scope: tool, limit: 5, window: 1m, tools: [pay.create]}
regions:
  - {id: phi-in-us, data: [phi], allow: [us]}
  - {id: secrets-in-eu, data: [secret], allow: [eu, us]}
redaction:
  - {id: cards, entities: [CREDIT_CARD]}
  - {id: clinical, tiers: [clinical], entities: [US_SSN], operator: mask}
  - {id: phi-out, data: [phi], destinations: [model, notes], entities: [US_SSN]}
  - {id: lists, tools: [pay.list], entities: [EMAIL_ADDRESS]}
"""
