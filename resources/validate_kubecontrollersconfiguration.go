package resources

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// maxPort is the highest port number.
const maxPort = 65535

func validateKubeControllersConfiguration(c *v3.KubeControllersConfiguration) field.ErrorList {
	names := nameRule{max: maxName, check: checkKubeControllersConfigurationName}
	errs := validateMetadata("KubeControllersConfiguration", &c.ObjectMeta, names, "")
	s := &c.Spec
	errs = append(errs, validateOneOf(specPath, "logSeverityScreen", s.LogSeverityScreen,
		"None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic")...)
	errs = append(errs, validateSwitch(specPath, "healthChecks", s.HealthChecks)...)
	errs = append(errs, validatePeriod(specPath, "etcdV3CompactionPeriod", s.EtcdV3CompactionPeriod)...)
	errs = append(errs, validateRange(specPath, "prometheusMetricsPort", s.PrometheusMetricsPort, 0, maxPort)...)
	errs = append(errs, validateRange(specPath, "debugProfilePort", s.DebugProfilePort, 0, maxPort)...)
	return append(errs, validateControllers(specPath.Child("controllers"), &s.Controllers)...)
}

func checkKubeControllersConfigurationName(name string) string {
	if name == v3.DefaultName {
		return ""
	}
	return `Cannot create a Kube Controllers Configuration resource with a name other than "default"`
}

func validateControllers(path *field.Path, c *v3.ControllersConfig) field.ErrorList {
	var errs field.ErrorList
	if c.Node != nil {
		errs = append(errs, validateNodeController(path.Child("node"), c.Node)...)
	}
	for _, r := range []struct {
		name   string
		config *v3.ReconcilerConfig
	}{
		{"policy", c.Policy},
		{"workloadEndpoint", c.WorkloadEndpoint},
		{"serviceAccount", c.ServiceAccount},
		{"namespace", c.Namespace},
	} {
		if r.config != nil {
			errs = append(errs, validatePeriod(path.Child(r.name), "reconcilerPeriod", r.config.ReconcilerPeriod)...)
		}
	}
	if c.LoadBalancer != nil {
		errs = append(errs, validateOneOf(path.Child("loadBalancer"), "assignIPs", c.LoadBalancer.AssignIPs,
			assignAllServices, "RequestedServicesOnly")...)
	}
	if c.Migration != nil {
		errs = append(errs, validateSwitch(path.Child("migration"), "policyNameMigrator", c.Migration.PolicyNameMigrator)...)
	}
	return errs
}

func validateNodeController(path *field.Path, n *v3.NodeControllerConfig) field.ErrorList {
	errs := validatePeriod(path, "reconcilerPeriod", n.ReconcilerPeriod)
	errs = append(errs, validateSwitch(path, "syncLabels", n.SyncLabels)...)
	errs = append(errs, validatePeriod(path, "leakGracePeriod", n.LeakGracePeriod)...)
	if n.HostEndpoint == nil {
		return errs
	}
	auto := path.Child("hostEndpoint")
	errs = append(errs, validateSwitch(auto, "autoCreate", n.HostEndpoint.AutoCreate)...)
	errs = append(errs, validateSwitch(auto, "createDefaultHostEndpoint", n.HostEndpoint.CreateDefaultHostEndpoint)...)
	return append(errs, validateTemplates(auto.Child("templates"), n.HostEndpoint.Templates)...)
}

// validateTemplates checks templates of automatic host endpoints; two with one name
// would ask for the same endpoints.
func validateTemplates(path *field.Path, templates []v3.Template) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[string]int, len(templates))
	patterns := patternBudget(maxPatterns)
	for i := range templates {
		t := &templates[i]
		errs = append(errs, validateTemplate(path.Index(i), t, &patterns)...)
		if first, twice := seen[t.GenerateName]; twice && t.GenerateName != "" {
			errs = append(errs, advise(field.Duplicate(path.Index(i).Child("generateName"), t.GenerateName),
				"Template name must be unique; "+path.Index(first).String()+" has it already"))
			continue
		}
		seen[t.GenerateName] = i
	}
	return errs
}

func validateTemplate(path *field.Path, t *v3.Template, patterns *patternBudget) field.ErrorList {
	var errs field.ErrorList
	if t.GenerateName == "" {
		errs = append(errs, field.Required(path.Child("generateName"), "Template name must be specified"))
	}
	errs = append(errs, validateReference(path, "generateName", "template name", t.GenerateName)...)
	if len(t.InterfaceCIDRs) == 0 && t.InterfacePattern == "" {
		errs = append(errs, field.Required(path,
			"InterfaceCIDRs or InterfacePattern must be specified; write interfacePattern: .* for every interface"))
	}
	errs = append(errs, validateSet(path, "interfaceCIDRs", t.InterfaceCIDRs, 0, checkAddressOrNetwork)...)
	errs = append(errs, patterns.check(path.Child("interfacePattern"), t.InterfacePattern)...)
	errs = append(errs, validateSelector(path, "nodeSelector", t.NodeSelector)...)
	errs = append(errs, validateLabels(path, "labels", t.Labels, "")...)
	return append(errs, validateAnnotations(path, "annotations", t.Annotations)...)
}

func validatePeriod(parent *field.Path, name string, period *metav1.Duration) field.ErrorList {
	if period == nil || period.Duration >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(parent.Child(name), period.Duration.String(), "a period cannot be negative")}
}
