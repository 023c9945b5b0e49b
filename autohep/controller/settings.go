package controller

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// The environment variables that override the configuration.
const (
	envLogLevel           = "LOG_LEVEL"
	envReconcilerPeriod   = "RECONCILER_PERIOD"
	envEnabledControllers = "ENABLED_CONTROLLERS"
	envCompactionPeriod   = "COMPACTION_PERIOD"
	envHealthEnabled      = "HEALTH_ENABLED"
	envAutoHostEndpoints  = "AUTO_HOST_ENDPOINTS"
)

// envDatastoreType is reported as a variable too, and overrides nothing.
const envDatastoreType = "DATASTORE_TYPE"

// What holds where neither the configuration nor the environment says anything.
const (
	defaultPeriod     = 5 * time.Minute
	leastPeriod       = time.Second // passes that follow sooner keep a server busy with nothing else
	defaultCompaction = 10 * time.Minute
	defaultPort       = 9094
	defaultLevel      = "Info"
)

// controllerNode is the controller that automatic host endpoints are a part of.
const controllerNode = "node"

// Environment is what environment variables say, each of which overrides the configuration.
type Environment struct {
	// vars are those that are set, as they are written.
	vars map[string]string

	controllers       []string
	period            time.Duration
	compaction        *time.Duration
	health            *bool
	autoHostEndpoints string
}

// ReadEnvironment reads LOG_LEVEL, RECONCILER_PERIOD, ENABLED_CONTROLLERS,
// COMPACTION_PERIOD, HEALTH_ENABLED and AUTO_HOST_ENDPOINTS. kubernetes tells that this is
// the datastore. A value that cannot be understood is an error.
func ReadEnvironment(lookup func(name string) (string, bool), kubernetes bool) (*Environment, error) {
	e := &Environment{vars: map[string]string{}}
	readers := map[string]func(string) error{
		envLogLevel:           readLevel,
		envReconcilerPeriod:   e.readPeriod,
		envEnabledControllers: e.readControllers,
		envCompactionPeriod:   e.readCompaction,
		envHealthEnabled:      e.readHealth,
		envAutoHostEndpoints:  e.readAutoHostEndpoints,
	}
	for _, name := range slices.Sorted(maps.Keys(readers)) {
		value, ok := lookup(name)
		if !ok {
			continue
		}
		if err := readers[name](value); err != nil {
			return nil, fmt.Errorf("invalid environment variable value %s=%q: %w", name, value, err)
		}
		e.vars[name] = value
	}
	if kubernetes {
		e.vars[envDatastoreType] = "kubernetes"
	}
	return e, nil
}

func (e *Environment) readControllers(value string) error {
	known := []string{"workloadendpoint", "profile", "namespace", "policy", controllerNode, "serviceaccount", "loadbalancer"}
	for name := range strings.SplitSeq(value, ",") {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q is no controller; write some of %s with commas between them, without blanks", name, strings.Join(known, ", "))
		}
		e.controllers = append(e.controllers, name)
	}
	return nil
}

func readLevel(value string) error {
	if _, ok := levelName(value); !ok {
		return fmt.Errorf("write one of %s", strings.Join(levelNames, ", "))
	}
	return nil
}

func (e *Environment) readPeriod(value string) (err error) {
	e.period, err = time.ParseDuration(value)
	if err == nil && e.period < 0 {
		return errNegative
	}
	return err
}

var errNegative = errors.New("write a time that is not negative")

func (e *Environment) readCompaction(value string) error {
	d, err := time.ParseDuration(value)
	if err == nil && d < 0 {
		return errNegative
	}
	e.compaction = &d
	return err
}

func (e *Environment) readHealth(value string) error {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("write true or false")
	}
	e.health = &on
	return nil
}

func (e *Environment) readAutoHostEndpoints(value string) error {
	for _, known := range []string{v3.Enabled, v3.Disabled} {
		if strings.EqualFold(value, known) {
			e.autoHostEndpoints = known
			return nil
		}
	}
	return fmt.Errorf("write enabled or disabled")
}

// Variables are the environment variables that override something, as they are written.
func (e *Environment) Variables() map[string]string {
	own := maps.Clone(e.vars)
	delete(own, envDatastoreType)
	return own
}

// ReadReported reads the environment that another controller has reported in the status of the
// configuration.
func ReadReported(kcc *v3.KubeControllersConfiguration) (*Environment, error) {
	vars := kcc.Status.EnvironmentVars
	return ReadEnvironment(func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}, vars[envDatastoreType] == "kubernetes")
}

// Under is the same datastore as a controller with another environment sees it.
func (r *Reading) Under(e *Environment) *Reading {
	out := *r
	out.Settings = e.Settings(r.Configuration)
	out.plan()
	return &out
}

// Settings are what the controller goes by: the configuration, and the environment over it.
type Settings struct {
	// Active tells that the controller is to work; otherwise it leaves everything as it is.
	Active bool
	// Endpoints says which endpoints there should be.
	Endpoints autohep.Config
	// Period is the time between two passes over everything; 0 for none.
	Period time.Duration
	// Warnings are of what the configuration says and is not taken as it stands.
	Warnings []string
	// MetricsPort is where metrics are served; 0 for nowhere.
	MetricsPort int
	// HealthChecks tells whether health is looked at.
	HealthChecks bool
	// Level is the least important that is logged.
	Level slog.Level
	// Running is what status.runningConfig says of all this, and Vars what
	// status.environmentVars does.
	Running v3.KubeControllersConfigurationSpec
	Vars    map[string]string
}

// Settings are those of a configuration. Without one they are those of the configuration that
// is made then.
func (e *Environment) Settings(kcc *v3.KubeControllersConfiguration) Settings {
	if kcc == nil {
		kcc = resources.NewKubeControllersConfiguration()
	}
	spec := *kcc.Spec.DeepCopy()
	s := Settings{Period: defaultPeriod, MetricsPort: defaultPort, HealthChecks: true, Vars: maps.Clone(e.vars)}
	s.Active = e.runs(controllerNode, spec.Controllers.Node != nil)
	if !s.Active {
		delete(s.Vars, envDatastoreType)
	}
	s.readNumbers(spec)
	s.Warnings = append(s.Warnings, e.readWords(&spec)...)
	section := e.hostEndpoints(spec.Controllers.Node)
	s.Endpoints = autohep.ConfigFrom(withSection(section))
	s.Running = e.running(spec, section)
	s.HealthChecks = s.Running.HealthChecks == v3.Enabled
	s.Level = levelOf(s.Running.LogSeverityScreen)
	if e.vars[envDatastoreType] == "" { // on Kubernetes Calico's own controllers leave these out
		s.Running.PrometheusMetricsPort = &s.MetricsPort
		if node := s.Running.Controllers.Node; node != nil {
			node.ReconcilerPeriod = &metav1.Duration{Duration: s.Period}
		}
	}
	return s
}

func withSection(section *v3.AutoHostEndpointConfig) *v3.KubeControllersConfiguration {
	kcc := &v3.KubeControllersConfiguration{}
	kcc.Spec.Controllers.Node = &v3.NodeControllerConfig{HostEndpoint: section}
	return kcc
}

// runs tells whether a controller is on; configured is what the configuration says.
func (e *Environment) runs(name string, configured bool) bool {
	if e.controllers == nil {
		return configured
	}
	return slices.Contains(e.controllers, name)
}

// hostEndpoints is the section that is in force; nil for none. The environment can switch
// automatic endpoints on, with the default ones; templates stay what they are.
func (e *Environment) hostEndpoints(node *v3.NodeControllerConfig) *v3.AutoHostEndpointConfig {
	var section *v3.AutoHostEndpointConfig
	if node != nil {
		section = node.HostEndpoint
	}
	switch e.autoHostEndpoints {
	case v3.Disabled:
		return nil
	case v3.Enabled:
		on := v3.AutoHostEndpointConfig{AutoCreate: v3.Enabled, CreateDefaultHostEndpoint: v3.Enabled}
		if section != nil {
			on.Templates = section.Templates
		}
		return &on
	}
	if section == nil {
		return nil
	}
	out := *section
	out.AutoCreate = cmp.Or(out.AutoCreate, v3.Disabled)
	out.CreateDefaultHostEndpoint = cmp.Or(out.CreateDefaultHostEndpoint, v3.Enabled)
	return &out
}

// running is what the controllers run with, in the form that Calico's own report it in.
func (e *Environment) running(spec v3.KubeControllersConfigurationSpec, section *v3.AutoHostEndpointConfig) v3.KubeControllersConfigurationSpec {
	out := v3.KubeControllersConfigurationSpec{
		LogSeverityScreen:      defaultLevel,
		HealthChecks:           cmp.Or(spec.HealthChecks, v3.Enabled),
		EtcdV3CompactionPeriod: spec.EtcdV3CompactionPeriod,
	}
	given := spec.LogSeverityScreen
	if value, ok := e.vars[envLogLevel]; ok {
		given = value
	}
	if name, ok := levelName(given); ok {
		out.LogSeverityScreen = name
	}
	if e.health != nil {
		out.HealthChecks = v3.Disabled
		if *e.health {
			out.HealthChecks = v3.Enabled
		}
	}
	if e.compaction != nil {
		out.EtcdV3CompactionPeriod = &metav1.Duration{Duration: *e.compaction}
	}
	if out.EtcdV3CompactionPeriod == nil {
		out.EtcdV3CompactionPeriod = &metav1.Duration{Duration: defaultCompaction}
	}
	out.Controllers = e.runningControllers(spec.Controllers, section)
	return out
}

func (e *Environment) runningControllers(c v3.ControllersConfig, section *v3.AutoHostEndpointConfig) v3.ControllersConfig {
	var out v3.ControllersConfig
	if e.runs(controllerNode, c.Node != nil) {
		out.Node = &v3.NodeControllerConfig{SyncLabels: v3.Disabled, HostEndpoint: section}
		if c.Node != nil {
			out.Node.LeakGracePeriod = c.Node.LeakGracePeriod
		}
	}
	out.Policy = e.reconciler("policy", c.Policy)
	out.WorkloadEndpoint = e.reconciler("workloadendpoint", c.WorkloadEndpoint)
	out.ServiceAccount = e.reconciler("serviceaccount", c.ServiceAccount)
	out.Namespace = e.reconciler("namespace", c.Namespace)
	if out.Namespace == nil && slices.Contains(e.controllers, "profile") {
		out.Namespace = e.reconciler("profile", c.Namespace)
	}
	if e.runs("loadbalancer", c.LoadBalancer != nil) {
		out.LoadBalancer = cmp.Or(c.LoadBalancer, &v3.LoadBalancerConfig{})
	}
	out.Migration = cmp.Or(c.Migration, &v3.MigrationControllerConfig{PolicyNameMigrator: v3.Enabled})
	return out
}

// reconciler is the section of a controller that has nothing but a period; nil if it is off.
func (e *Environment) reconciler(name string, configured *v3.ReconcilerConfig) *v3.ReconcilerConfig {
	if !e.runs(name, configured != nil) {
		return nil
	}
	out := &v3.ReconcilerConfig{}
	if configured != nil {
		out.ReconcilerPeriod = configured.ReconcilerPeriod
	}
	if e.period != 0 {
		out.ReconcilerPeriod = &metav1.Duration{Duration: e.period}
	}
	return out
}

// levelNames are the levels of logSeverityScreen that log something.
var levelNames = []string{"Debug", "Info", "Warning", "Error", "Fatal", "Panic"}

// levelName is a level in the spelling of the configuration.
func levelName(text string) (string, bool) {
	switch strings.ToLower(text) {
	case "warn":
		text = "Warning"
	case "trace":
		text = "Debug"
	}
	at := slices.IndexFunc(levelNames, func(name string) bool { return strings.EqualFold(name, text) })
	if at < 0 {
		return "", false
	}
	return levelNames[at], true
}

func levelOf(name string) slog.Level {
	switch name {
	case "Debug":
		return slog.LevelDebug
	case "Warning":
		return slog.LevelWarn
	case "Error", "Fatal", "Panic":
		return slog.LevelError
	}
	return slog.LevelInfo
}
