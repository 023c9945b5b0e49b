// Package policy says what host policy does to traffic: which packets to, from and
// through a node are allowed, and which rule, tier or profile decides.
//
// A [Snapshot] of the objects makes an [Engine]. Its answers are sets of traffic, not
// samples: for every class of endpoints that the same policies apply to, the packets
// that are allowed, denied, or unknown. [Engine.Trace] looks one flow up and explains
// it, [Engine.Connections] lists what is open, [Diff] subtracts two engines, and
// [Guard] looks for the flows that keep a cluster alive in what was lost. They are
// views of one computation.
//
// # What decides
//
// The interface of a node selects the endpoint: one that names it, or one without a
// name that expects an address of it; else the endpoint for all interfaces. Nothing
// governs the interface when there is none, and everything is allowed. Of several the
// first by name counts.
//
// A packet goes through stages: doNotTrack policies (which do nothing on an endpoint
// for all interfaces), preDNAT policies, then normal policies and profiles to and from
// the host, or policies with applyOnForward through it. Failsafe ports open the normal
// stage and skip the first two. Traffic of a host with itself leaves through lo and
// comes in again, so both directions judge it.
//
// In a stage, tiers and their policies come by order, those without one last, then by
// name. A tier none of whose policies applies in the direction is skipped; one that
// applies and does not decide ends in its default action. Policies that name a tier
// that is not there come last.
//
// # What is unknown
//
// Some rules depend on what no object here says: HTTP requests, services, service
// accounts, labels of workloads and namespaces, and anything that cannot be read.
// Traffic whose verdict depends on such a rule is unknown, with the reason; where
// either answer leads to the same verdict, it is not. New connections are judged:
// packets of established ones are accepted before all policy.
package policy
