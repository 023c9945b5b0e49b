package resources

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Defaults of KubeControllersConfiguration.
const (
	defaultMetricsPort     = 9094
	defaultLeakGracePeriod = 15 * time.Minute
	defaultReconciler      = 5 * time.Minute
	defaultCompaction      = 10 * time.Minute
	assignAllServices      = "AllServices"
)

// KubeControllersConfiguration is the kind of the object that configures the
// controllers, automatic host endpoints among them.
var KubeControllersConfiguration = define(Spec[*v3.KubeControllersConfiguration]{
	Kind: "KubeControllersConfiguration", Plural: "kubecontrollersconfigurations",
	Aliases: []string{
		"kubecontrollersconfiguration", "kubecontrollersconfigurations",
		"kubecontrollersconfig", "kubecontrollersconfigs",
	},
	Columns: []Column[*v3.KubeControllersConfiguration]{
		{Header: "NAME", Cell: func(c *v3.KubeControllersConfiguration) string { return c.Name }},
	},
	New:      newOf[v3.KubeControllersConfiguration],
	Default:  defaultKubeControllersConfiguration,
	Validate: validateKubeControllersConfiguration,
	Mend:     mendKubeControllersConfiguration,
})

func defaultKubeControllersConfiguration(c *v3.KubeControllersConfiguration) {
	if c.Spec.HealthChecks == "" {
		c.Spec.HealthChecks = v3.Enabled
	}
	if c.Spec.PrometheusMetricsPort == nil {
		port := defaultMetricsPort
		c.Spec.PrometheusMetricsPort = &port
	}
	if node := c.Spec.Controllers.Node; node != nil && node.LeakGracePeriod == nil {
		node.LeakGracePeriod = &metav1.Duration{Duration: defaultLeakGracePeriod}
	}
	if lb := c.Spec.Controllers.LoadBalancer; lb != nil && lb.AssignIPs == "" {
		lb.AssignIPs = assignAllServices
	}
}

// NewKubeControllersConfiguration makes the object "default" that a cluster has
// before anybody configures anything: automatic host endpoints are off.
func NewKubeControllersConfiguration() *v3.KubeControllersConfiguration {
	period := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	reconciler := func() *v3.ReconcilerConfig {
		return &v3.ReconcilerConfig{ReconcilerPeriod: period(defaultReconciler)}
	}
	c := KubeControllersConfiguration.New().(*v3.KubeControllersConfiguration)
	c.Name = v3.DefaultName
	c.Spec = v3.KubeControllersConfigurationSpec{
		LogSeverityScreen:      "Info",
		EtcdV3CompactionPeriod: period(defaultCompaction),
		Controllers: v3.ControllersConfig{
			Node: &v3.NodeControllerConfig{
				ReconcilerPeriod: period(defaultReconciler),
				SyncLabels:       v3.Enabled,
				HostEndpoint: &v3.AutoHostEndpointConfig{
					AutoCreate: v3.Disabled, CreateDefaultHostEndpoint: v3.Enabled,
				},
			},
			Policy: reconciler(), WorkloadEndpoint: reconciler(),
			ServiceAccount: reconciler(), Namespace: reconciler(),
			LoadBalancer: &v3.LoadBalancerConfig{},
			Migration:    &v3.MigrationControllerConfig{PolicyNameMigrator: v3.Enabled},
		},
	}
	KubeControllersConfiguration.Default(c)
	return c
}
