package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// defaultConfigFile is read if it exists and --config names no other.
const defaultConfigFile = "/etc/calico/calicoctl.cfg"

// Values of datastoreType.
const (
	datastoreLocal      = "local"
	datastoreKubernetes = "kubernetes"
	datastoreEtcd       = "etcdv3"
)

// Config says which datastore to use. Its JSON form is the spec of a configuration file.
type Config struct {
	DatastoreType string `json:"datastoreType,omitempty"`

	// LocalPath is the file of the embedded datastore.
	LocalPath string `json:"localPath,omitempty"`
	// LocalController is Disabled if automatic host endpoints are not to be kept in step.
	LocalController string `json:"localController,omitempty"`

	// Guard is what becomes of writes that cut off vital traffic, and GuardFlows the file that says which traffic that is.
	Guard      string `json:"guard,omitempty"`
	GuardFlows string `json:"guardFlows,omitempty"`

	EtcdEndpoints    string `json:"etcdEndpoints,omitempty"`
	EtcdDiscoverySrv string `json:"etcdDiscoverySrv,omitempty"`
	EtcdUsername     string `json:"etcdUsername,omitempty"`
	EtcdPassword     string `json:"etcdPassword,omitempty"`
	EtcdKeyFile      string `json:"etcdKeyFile,omitempty"`
	EtcdCertFile     string `json:"etcdCertFile,omitempty"`
	EtcdCACertFile   string `json:"etcdCACertFile,omitempty"`
	EtcdKey          string `json:"etcdKey,omitempty"`
	EtcdCert         string `json:"etcdCert,omitempty"`
	EtcdCACert       string `json:"etcdCACert,omitempty"`

	Kubeconfig               string  `json:"kubeconfig,omitempty"`
	KubeconfigInline         string  `json:"kubeconfigInline,omitempty"`
	K8sAPIEndpoint           string  `json:"k8sAPIEndpoint,omitempty"`
	K8sKeyFile               string  `json:"k8sKeyFile,omitempty"`
	K8sCertFile              string  `json:"k8sCertFile,omitempty"`
	K8sCAFile                string  `json:"k8sCAFile,omitempty"`
	K8sAPIToken              string  `json:"k8sAPIToken,omitempty"`
	K8sInsecureSkipTLSVerify bool    `json:"k8sInsecureSkipTLSVerify,omitempty"`
	K8sDisableNodePoll       bool    `json:"k8sDisableNodePoll,omitempty"`
	UsePodCIDR               bool    `json:"usePodCIDR,omitempty"`
	K8sClientQPS             float32 `json:"k8sClientQPS,omitempty"`
	K8sClientBurst           int     `json:"k8sClientBurst,omitempty"`
	K8sClientConcurrency     int     `json:"k8sClientConcurrency,omitempty"`
	K8sCurrentContext        string  `json:"k8sCurrentContext,omitempty"`
	CalicoAPIGroup           string  `json:"calicoAPIGroup,omitempty"`

	// requestTimeout bounds each request to a server; 0 is the datastore's own choice.
	requestTimeout time.Duration
}

// errNoConfigFile is the failure to read a configuration file that the user named.
type errNoConfigFile struct{ path string }

func (e errNoConfigFile) Error() string { return "Error reading config file: " + e.path }

// loadConfig finds the configuration: a file that is there wins over the environment as
// a whole, and --context wins over both.
func loadConfig(d *Deps, g *globalOptions, path string) (Config, error) {
	c, err := readConfig(d, path)
	if err != nil {
		return Config{}, err
	}
	if g.kubeContext != "" {
		c.K8sCurrentContext = g.kubeContext
	}
	if c.DatastoreType == "" {
		c.DatastoreType = datastoreKubernetes
		if c.EtcdEndpoints != "" || c.EtcdDiscoverySrv != "" {
			c.DatastoreType = datastoreEtcd
		}
	}
	c.requestTimeout = g.requestTimeout
	return c, c.check()
}

func readConfig(d *Deps, path string) (Config, error) {
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		return parseConfig(path, text)
	case path != defaultConfigFile:
		return Config{}, errNoConfigFile{path}
	case !errors.Is(err, fs.ErrNotExist):
		return Config{}, clientError(err)
	}
	return configFromEnv(d)
}

func parseConfig(path string, text []byte) (Config, error) {
	var file struct {
		metav1.TypeMeta `json:",inline"`
		Metadata        any    `json:"metadata,omitempty"`
		Spec            Config `json:"spec"`
	}
	problem := func(format string, args ...any) (Config, error) {
		return Config{}, clientError(fmt.Errorf("syntax error in %s: "+format, append([]any{path}, args...)...))
	}
	if manifest.Documents(text) > 1 {
		return problem("invalid config file: it has more than one document")
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return problem("failed to parse config as YAML/JSON: %s (its text is not shown, since it may hold secrets)", withoutText(err))
	}
	if file.APIVersion != v3.GroupVersion {
		return problem("invalid config file: unknown APIVersion '%s', write %s", file.APIVersion, v3.GroupVersion)
	}
	if file.Kind != "CalicoAPIConfig" {
		return problem("invalid config file: expected kind 'CalicoAPIConfig', got '%s'", file.Kind)
	}
	return file.Spec, nil
}

var (
	yamlLine    = regexp.MustCompile(`line [0-9]+`)
	yamlUnknown = regexp.MustCompile(`unknown field "([^"]*)"`)
)

// withoutText says what is wrong with a configuration file in words that quote nothing
// of it but the names of keys that there are.
func withoutText(err error) string {
	text := "it cannot be read"
	if m := yamlUnknown.FindStringSubmatch(err.Error()); m != nil {
		text = "it has an unknown key"
		if near, ok := resources.Nearest(m[1], configKeys()); ok {
			text += "; did you mean " + near + "?"
		}
	}
	for _, key := range configKeys() {
		if strings.Contains(err.Error(), `key "`+key+`" already set`) {
			text = key + " is set twice"
		}
	}
	if line := yamlLine.FindString(err.Error()); line != "" {
		text += ", in " + line
	}
	return text
}

// configKeys are the keys of a configuration file's spec.
func configKeys() []string {
	var keys []string
	for f := range reflect.TypeFor[Config]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}

// envKeys are the variables that each key of a configuration file has, but for those that
// only a file can set. Each may have the prefix CALICO_, which wins.
func (c *Config) envKeys() map[string]any {
	return map[string]any{
		"DATASTORE_TYPE":     &c.DatastoreType,
		"ETCD_ENDPOINTS":     &c.EtcdEndpoints,
		"ETCD_DISCOVERY_SRV": &c.EtcdDiscoverySrv,
		"ETCD_USERNAME":      &c.EtcdUsername,
		"ETCD_PASSWORD":      &c.EtcdPassword,
		"ETCD_KEY_FILE":      &c.EtcdKeyFile,
		"ETCD_CERT_FILE":     &c.EtcdCertFile,
		"ETCD_CA_CERT_FILE":  &c.EtcdCACertFile,

		"KUBECONFIG":                   &c.Kubeconfig,
		"K8S_API_ENDPOINT":             &c.K8sAPIEndpoint,
		"K8S_KEY_FILE":                 &c.K8sKeyFile,
		"K8S_CERT_FILE":                &c.K8sCertFile,
		"K8S_CA_FILE":                  &c.K8sCAFile,
		"K8S_API_TOKEN":                &c.K8sAPIToken,
		"K8S_INSECURE_SKIP_TLS_VERIFY": &c.K8sInsecureSkipTLSVerify,
		"K8S_DISABLE_NODE_POLL":        &c.K8sDisableNodePoll,
		"USE_POD_CIDR":                 &c.UsePodCIDR,
		"K8S_CLIENT_QPS":               &c.K8sClientQPS,
		"K8S_CLIENT_BURST":             &c.K8sClientBurst,
		"K8S_CLIENT_CONCURRENCY":       &c.K8sClientConcurrency,
		"K8S_CURRENT_CONTEXT":          &c.K8sCurrentContext,
		"API_GROUP":                    &c.CalicoAPIGroup, // CALICO_API_GROUP
	}
}

// configFromEnv reads the environment. Every variable that cannot be read is an error.
func configFromEnv(d *Deps) (Config, error) {
	var c Config
	keys := c.envKeys()
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		value, ok := d.LookupEnv("CALICO_" + name)
		if !ok && name != "API_GROUP" {
			value, ok = d.LookupEnv(name)
		}
		if !ok {
			continue
		}
		if err := setKey(keys[name], value); err != nil {
			problems = append(problems, fmt.Errorf("failed to load config from env vars: %s: %w", name, err))
		}
	}
	if token, ok := d.LookupEnv("CALICO_K8SAPITOKEN"); ok {
		c.K8sAPIToken = token // the one name that calicoctl reads, so it wins
	}
	c.LocalPath, _ = d.LookupEnv("CALICO_LOCAL_PATH")
	c.LocalController, _ = d.LookupEnv("CALICO_LOCAL_CONTROLLER")
	c.Guard, _ = d.LookupEnv("CALICO_GUARD")
	c.GuardFlows, _ = d.LookupEnv("CALICO_GUARD_FLOWS")
	if len(problems) > 0 {
		return Config{}, clientError(errors.Join(problems...))
	}
	return c, nil
}

func setKey(key any, value string) (err error) {
	switch key := key.(type) {
	case *string:
		*key = value
	case *bool:
		if *key, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("%q is neither true nor false", value)
		}
	case *int:
		if *key, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("%q is no whole number", value)
		}
	case *float32:
		f, err := strconv.ParseFloat(value, 32)
		if err != nil {
			return fmt.Errorf("%q is no number", value)
		}
		*key = float32(f)
	}
	return nil
}

func (c Config) check() error {
	switch {
	case c.K8sClientConcurrency < 0:
		return clientError(fmt.Errorf("k8sClientConcurrency (K8S_CLIENT_CONCURRENCY) is %d; write how many objects may be written at once", c.K8sClientConcurrency))
	case c.K8sClientQPS < 0 || c.K8sClientBurst < 0:
		return clientError(errors.New("k8sClientQPS and k8sClientBurst (K8S_CLIENT_QPS, K8S_CLIENT_BURST) are below zero; write how many requests a second there may be, and how many at once"))
	}
	switch c.LocalController {
	case "", v3.Enabled, v3.Disabled:
	default:
		return clientError(fmt.Errorf("localController (CALICO_LOCAL_CONTROLLER) is %q; write %s or %s",
			c.LocalController, v3.Enabled, v3.Disabled))
	}
	switch c.DatastoreType {
	case datastoreLocal, datastoreKubernetes, datastoreEtcd:
		return nil
	default:
		return clientError(fmt.Errorf("unknown datastore type: %s; write %s, %s or %s",
			c.DatastoreType, datastoreLocal, datastoreKubernetes, datastoreEtcd))
	}
}

// clientError is any failure to get at a datastore.
func clientError(err error) error { return clientFailure{err} }

type clientFailure struct{ err error }

func (c clientFailure) Error() string { return "Failed to create Calico API client: " + c.err.Error() }

func (c clientFailure) Unwrap() error { return c.err }

// localPath is the file of the embedded datastore. A leading ~/ is the home folder.
func (c Config) localPath() string {
	if inHome, ok := strings.CutPrefix(c.LocalPath, "~/"); ok {
		return filepath.Join(xdg.Home, inHome)
	}
	if c.LocalPath != "" {
		return c.LocalPath
	}
	return filepath.Join(xdg.DataHome, "calicoctl", "datastore.db")
}
