package autohep

import v3 "github.com/edfb3db0/calicoctl/resources/v3"

// Config is what the planner goes by.
type Config struct {
	// AutoCreate off means that there are no automatic endpoints at all.
	AutoCreate bool
	// CreateDefault asks for one endpoint of each node that stands for all interfaces.
	CreateDefault bool
	// Templates ask for further endpoints, in the order of their precedence: where two
	// want the same name, the first has it.
	Templates []v3.Template
}

// ConfigFrom reads the section about automatic host endpoints. Without an object, or
// without the section, they are off.
func ConfigFrom(kcc *v3.KubeControllersConfiguration) Config {
	if kcc == nil || kcc.Spec.Controllers.Node == nil || kcc.Spec.Controllers.Node.HostEndpoint == nil {
		return Config{}
	}
	section := kcc.Spec.Controllers.Node.HostEndpoint
	createDefault := section.CreateDefaultHostEndpoint
	return Config{
		AutoCreate:    section.AutoCreate == v3.Enabled,
		CreateDefault: createDefault == "" || createDefault == v3.Enabled,
		Templates:     section.Templates,
	}
}
