package lint

import "strings"

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	// Error is what does not work, or does not do what it says.
	Error Severity = "error"
	// Warning is what is probably not meant.
	Warning Severity = "warning"
	// Hint is what is worth a look.
	Hint Severity = "hint"
)

// Code is one kind of finding. An ID never changes its meaning, and none is used again.
type Code struct {
	ID, Name string
	// Severity is that of its findings, unless they are less bad.
	Severity Severity
	// Summary is one sentence.
	Summary string
}

// The codes. The first digit says what they are about: 1 who is selected, 2 rules and their order, 3 failsafe ports,
// 4 stages and tiers, 5 what stops the agent, 6 masters, 7 defaults, 8 what is stored, 9 suppressions.
const (
	SelectsNothing         = "CL101"
	AllSelectsHosts        = "CL102"
	NoProfile              = "CL103"
	NoAddresses            = "CL104"
	NotHostSelector        = "CL105"
	TakesUnlabelled        = "CL106"
	NeverMatches           = "CL201"
	Shadowed               = "CL202"
	LogOnly                = "CL203"
	TieDecides             = "CL204"
	OneFamily              = "CL205"
	DenyOnFailsafe         = "CL301"
	FailsafeOpen           = "CL302"
	NoApplyOnForward       = "CL401"
	DoNotTrackWildcard     = "CL402"
	MissingTier            = "CL403"
	NotICMPWithoutProtocol = "CL501"
	FailsafeProtocol       = "CL502"
	ICMPCode               = "CL503"
	MasterWithoutPolicy    = "CL601"
	MasterClosed           = "CL602"
	TypesDiffer            = "CL701"
	Invalid                = "CL801"
	Outgrown               = "CL802"
	NoReason               = "CL901"
	SuppressesNothing      = "CL902"
)

// Codes are all codes, sorted by their IDs.
func Codes() []Code {
	return []Code{
		{SelectsNothing, "selects-nothing", Warning, "A selector matches nothing."},
		{AllSelectsHosts, "all-selects-hosts", Warning, "A policy for everything is a policy for hosts, too."},
		{NoProfile, "no-profile", Warning, "An endpoint that has no profile, or none that allows anything, denies whatever no policy is about."},
		{NoAddresses, "no-addresses", Warning, "No rule can mean an endpoint without addresses."},
		{NotHostSelector, "not-a-host-selector", Warning, "A policy with a namespaceSelector or serviceAccountSelector is about no host."},
		{TakesUnlabelled, "takes-unlabelled", Hint, "A negative condition is true of what does not have the label."},
		{NeverMatches, "never-matches", Warning, "A rule matches no packet."},
		{Shadowed, "shadowed", Warning, "Whatever a rule matches is decided before it."},
		{LogOnly, "log-only", Warning, "A policy that only logs denies."},
		{TieDecides, "tie-decides", Warning, "Two policies of the same order disagree, and their names decide."},
		{OneFamily, "one-family", Warning, "A rule does not exist for one of the IP families."},
		{DenyOnFailsafe, "deny-on-failsafe", Warning, "A Deny rule is about a port that policy cannot close."},
		{FailsafeOpen, "failsafe-open", Hint, "A failsafe port is open to the world, and no policy asks for that."},
		{NoApplyOnForward, "no-apply-on-forward", Error, "A preDNAT or doNotTrack policy without applyOnForward is invalid."},
		{DoNotTrackWildcard, "do-not-track-wildcard", Warning, "A doNotTrack policy does nothing on an endpoint for all interfaces."},
		{MissingTier, "missing-tier", Error, "A policy is in a tier that does not exist."},
		{NotICMPWithoutProtocol, "not-icmp-without-protocol", Error, "A rule with notICMP and no protocol stops the agent."},
		{FailsafeProtocol, "failsafe-protocol", Error, "A failsafe port of a protocol that the agent does not take stops it."},
		{ICMPCode, "icmp-code", Error, "A rule with an ICMP type and code stops the agent in nftables mode."},
		{MasterWithoutPolicy, "master-without-policy", Warning, "No policy protects a node of the control plane."},
		{MasterClosed, "master-closed", Error, "A node of the control plane does not take TCP 6443 from the other nodes."},
		{TypesDiffer, "types-differ", Warning, "A policy without types means one thing to calicoctl and another to the agent."},
		{Invalid, "invalid", Error, "Calico drops an object that is invalid."},
		{Outgrown, "outgrown", Warning, "An automatic host endpoint is not what its node asks for."},
		{NoReason, "no-reason", Warning, "A suppression without a reason suppresses nothing."},
		{SuppressesNothing, "suppresses-nothing", Warning, "A suppression has nothing to suppress."},
	}
}

// CodeOf finds a code by its ID or its name, in any letter case.
func CodeOf(word string) (Code, bool) {
	for _, c := range Codes() {
		if strings.EqualFold(word, c.ID) || strings.EqualFold(word, c.Name) {
			return c, true
		}
	}
	return Code{}, false
}
