package resources

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// maxRules is how many rules a policy may have in one direction.
const maxRules = 1024

// globalCall is how a selector of everything that has no namespace is recognised.
const globalCall = "global("

func validateGlobalNetworkPolicy(p *v3.GlobalNetworkPolicy) field.ErrorList {
	errs := validateMetadata("GlobalNetworkPolicy", &p.ObjectMeta, policyNames, v3.LabelTier)
	return append(errs, validatePolicySpec(&p.Spec)...)
}

func validateStagedGlobalNetworkPolicy(p *v3.StagedGlobalNetworkPolicy) field.ErrorList {
	errs := validateMetadata("StagedGlobalNetworkPolicy", &p.ObjectMeta, policyNames, v3.LabelTier)
	errs = append(errs, validateOneOf(specPath, "stagedAction", p.Spec.StagedAction,
		v3.StagedActionSet, v3.StagedActionDelete, v3.StagedActionLearn, v3.StagedActionIgnore)...)
	return append(errs, validatePolicySpec(&p.Spec.GlobalNetworkPolicySpec)...)
}

func validatePolicySpec(s *v3.GlobalNetworkPolicySpec) field.ErrorList {
	errs := validateTierReference(s.Tier)
	errs = append(errs, validateRules(specPath, ingress, s.Ingress)...)
	errs = append(errs, validateRules(specPath, egress, s.Egress)...)
	errs = append(errs, validateEndpointSelector("selector", s.Selector)...)
	errs = append(errs, validateTypes(s.Types)...)
	errs = append(errs, validateStage(s)...)
	errs = append(errs, validateEndpointSelector("serviceAccountSelector", s.ServiceAccountSelector)...)
	errs = append(errs, validateEndpointSelector("namespaceSelector", s.NamespaceSelector)...)
	return append(errs, validateHints(s.PerformanceHints)...)
}

// validateTierReference asks no more of the name than what the tier itself must meet.
func validateTierReference(tier string) field.ErrorList {
	errs := validateReference(specPath, "tier", "tier name", tier)
	if len(errs) == 0 && len(tier) > maxTierName {
		errs = append(errs, field.TooLong(specPath.Child("tier"), tier, maxTierName))
	}
	return errs
}

// validateEndpointSelector checks a selector of the endpoints that a policy governs.
func validateEndpointSelector(name, expr string) field.ErrorList {
	return withoutGlobal(specPath, name, expr, validatePolicySelector(specPath, name, expr))
}

// withoutGlobal adds to the errors of a selector that it uses global() where it may not.
func withoutGlobal(parent *field.Path, name, expr string, errs field.ErrorList) field.ErrorList {
	if len(errs) == 0 && strings.Contains(expr, globalCall) {
		errs = append(errs, field.Invalid(parent.Child(name), expr,
			"global() can only be used in an EntityRule namespaceSelector, that is in one of a rule's source or destination"))
	}
	return errs
}

func validateTypes(types []v3.PolicyType) field.ErrorList {
	var errs field.ErrorList
	for i, t := range types {
		path := specPath.Child("types")
		if t != v3.PolicyTypeIngress && t != v3.PolicyTypeEgress {
			errs = append(errs, unsupported(path.Index(i), t, v3.PolicyTypeIngress, v3.PolicyTypeEgress))
			continue
		}
		if slices.Contains(types[:i], t) {
			errs = append(errs, advise(field.Duplicate(path.Index(i), string(t)),
				fmt.Sprintf("'%s' type specified more than once; remove it", t)))
		}
	}
	return errs
}

// validateStage checks the fields that move a policy to another stage of packet processing.
func validateStage(s *v3.GlobalNetworkPolicySpec) field.ErrorList {
	var errs field.ErrorList
	if s.PreDNAT && s.DoNotTrack {
		errs = append(errs, field.Forbidden(specPath.Child("preDNAT"),
			"preDNAT and doNotTrack cannot both be true; write a policy for each"))
	}
	if (s.PreDNAT || s.DoNotTrack) && !s.ApplyOnForward {
		errs = append(errs, field.Invalid(specPath.Child("applyOnForward"), s.ApplyOnForward,
			"applyOnForward must be true if either preDNAT or doNotTrack is true; write applyOnForward: true"))
	}
	if !s.PreDNAT {
		return errs
	}
	if len(s.Egress) > 0 {
		// The type may have come from the rules, so it is no mistake of its own.
		return append(errs, field.Forbidden(specPath.Child("egress"),
			"preDNAT policy cannot have any egress rules; remove them, and Egress from types"))
	}
	for i, t := range s.Types {
		if t == v3.PolicyTypeEgress {
			return append(errs, field.Forbidden(specPath.Child("types").Index(i), "preDNAT policy cannot have 'Egress' type; remove it"))
		}
	}
	return errs
}

func validateHints(hints []v3.PolicyPerformanceHint) field.ErrorList {
	var errs field.ErrorList
	path := specPath.Child("performanceHints")
	for i, hint := range hints {
		switch {
		case hint != v3.HintAssumeNeededOnEveryNode:
			errs = append(errs, unsupported(path.Index(i), hint, v3.HintAssumeNeededOnEveryNode))
		case i > 0 && slices.Contains(hints[:i], hint):
			errs = append(errs, duplicate(path.Index(i), string(hint)))
		}
	}
	return errs
}
