package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/klog/v2"

	"github.com/edfb3db0/calicoctl/resources"
)

// Config says how to reach the Kubernetes API.
type Config struct {
	// Kubeconfig is a file, or several as in the variable KUBECONFIG. Empty means the one in the user's home
	// folder if there is one and Endpoint is empty, and what a pod has otherwise.
	Kubeconfig string
	// Inline is the text of a kubeconfig. It wins over Kubeconfig, and no override below applies to it.
	Inline string
	// Context names a context of Kubeconfig.
	Context string
	// Endpoint, the files, Token and Insecure override what Kubeconfig says.
	Endpoint, KeyFile, CertFile, CAFile, Token string
	Insecure                                   bool
	// QPS and Burst bound the requests a second; 0 leaves that to the server's own flow control.
	QPS   float32
	Burst int
	// APIGroup chooses the custom resources; empty asks the server.
	APIGroup string
	// UsePodCIDR is as in resources.KubernetesNodeOptions.
	UsePodCIDR bool
	// Timeout bounds each request, retries included, and the time in which a watch must begin; 0 is a minute.
	Timeout time.Duration
	// Concurrency bounds how many requests WriteAll has under way at once; 0 is 32.
	Concurrency int
}

const (
	defaultTimeout     = time.Minute
	defaultConcurrency = 32
	// defaultBurst is calicoctl's.
	defaultBurst = 100
)

// silenceClient keeps client-go from writing to standard error: what it has to say comes back as errors.
var silenceClient = sync.OnceFunc(func() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) })

// Open makes a Store. It asks the server which custom resources it has, unless c says so.
func Open(ctx context.Context, c Config) (*Store, error) {
	silenceClient()
	config, err := c.rest()
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(config.BearerToken, "\r\n") {
		return nil, errors.New("the token for the API server has a line break in it; write it without (K8S_API_TOKEN, or the kubeconfig)")
	}
	token := &lastToken{}
	config.Wrap(token.watch)
	client, err := newClient(config, c)
	if err != nil {
		return nil, withoutSecrets(err, c)
	}
	s := &Store{
		client: client, token: token, server: hostOf(config.Host), secrets: secretsOf(config), certificateEnds: endOf(config.CertData, config.CertFile),
		timeout: cmp.Or(c.Timeout, defaultTimeout), concurrency: cmp.Or(c.Concurrency, defaultConcurrency),
		node: resources.KubernetesNodeOptions{UsePodCIDR: c.UsePodCIDR},
	}
	s.group, err = s.chooseGroup(ctx, c.APIGroup)
	return s, err
}

// newClient makes a client of every API group: its requests say which.
func newClient(config *rest.Config, c Config) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.WarningHandlerWithContext = rest.NoWarnings{}
	config.QPS, config.Burst = c.QPS, cmp.Or(c.Burst, defaultBurst)
	if c.QPS == 0 {
		config.QPS = -1
	}
	return rest.UnversionedRESTClientFor(config)
}

// hostOf is the host and port of an address, without a user and a password that it may have.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	if strings.Contains(address, "@") {
		return "its address"
	}
	return address
}

func (c Config) rest() (*rest.Config, error) {
	if c.Inline != "" {
		return c.inline()
	}
	rules := &clientcmd.ClientConfigLoadingRules{WarnIfAllMissing: false}
	switch files := filepath.SplitList(c.kubeconfig()); len(files) {
	case 0:
	case 1:
		rules.ExplicitPath = files[0]
	default:
		rules.Precedence = files
	}
	overrides := &clientcmd.ConfigOverrides{
		CurrentContext: c.Context,
		ClusterInfo:    clientcmdapi.Cluster{Server: c.Endpoint, CertificateAuthority: c.CAFile, InsecureSkipTLSVerify: c.Insecure},
		AuthInfo:       clientcmdapi.AuthInfo{ClientCertificate: c.CertFile, ClientKey: c.KeyFile, Token: c.Token},
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, withoutSecrets(err, c)
	}
	return config, nil
}

// inline is what the text of a kubeconfig says, of which Context chooses a part.
func (c Config) inline() (*rest.Config, error) {
	parsed, err := clientcmd.Load([]byte(c.Inline))
	if err == nil && c.Context != "" && parsed.Contexts[c.Context] == nil {
		return nil, fmt.Errorf("context %q does not exist in kubeconfigInline", c.Context)
	}
	var config *rest.Config
	if err == nil {
		config, err = clientcmd.NewNonInteractiveClientConfig(*parsed, c.Context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	}
	if err != nil {
		return nil, errors.New("kubeconfigInline is no valid kubeconfig (its text is not shown, since it may hold secrets)")
	}
	return config, nil
}

func (c Config) kubeconfig() string {
	if c.Kubeconfig != "" || c.Endpoint != "" {
		return c.Kubeconfig
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	file := filepath.Join(home, ".kube", "config")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// withoutSecrets passes on what is known to quote nothing of a kubeconfig.
func withoutSecrets(err error, c Config) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path
	}
	text := err.Error()
	for _, known := range []string{"context ", "invalid configuration: ", "specifying a root certificates file with the insecure flag"} {
		if strings.HasPrefix(text, known) && !strings.ContainsAny(text, "\n@") {
			return errors.New(text)
		}
	}
	return fmt.Errorf("kubeconfig %s cannot be used (its text is not shown, since it may hold secrets)", c.kubeconfig())
}
