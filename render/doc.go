// Package render translates what a snapshot means for one node into an nftables ruleset:
// one table, with a chain for each endpoint, stage and tier, and a comment on each rule
// that says where it comes from. It is for reading, for the proof that the engine and a
// kernel agree, and for hosts that somebody wants to inspect. It loads nothing.
//
// Which endpoint governs an interface, which policies apply in which order, and which
// addresses a selector means is what package policy says. What a rule matches and what
// becomes of a packet then is translated here, rule by rule and without the sets of the
// engine, so that a kernel that agrees with the engine proves something.
//
// # The way of a packet
//
// Chains of three priorities are hooked in: raw for doNotTrack policies, mangle for
// preDNAT policies, which see packets before NAT, and filter for the others. Tiers are
// chains: Pass returns from one, Allow and Deny end the way. What a doNotTrack or preDNAT
// policy allows gets a bit of the packet mark, which the later chains look at.
package render
