package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calicoctl.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const fileHead = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n"

// TestReadConfig reads configurations of every kind, whether there is such a datastore
// here or not.
func TestReadConfig(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  map[string]string
		want Config
		err  string
	}{
		"nothing":                      {},
		"environment":                  {env: map[string]string{"DATASTORE_TYPE": "local", "CALICO_LOCAL_PATH": "/x"}, want: Config{DatastoreType: "local", LocalPath: "/x"}},
		"prefix wins":                  {env: map[string]string{"DATASTORE_TYPE": "a", "CALICO_DATASTORE_TYPE": "b"}, want: Config{DatastoreType: "b"}},
		"empty prefix wins":            {env: map[string]string{"DATASTORE_TYPE": "a", "CALICO_DATASTORE_TYPE": ""}},
		"own have no prefix":           {env: map[string]string{"LOCAL_PATH": "/x", "CALICO_LOCAL_CONTROLLER": "Disabled"}, want: Config{LocalController: "Disabled"}},
		"token":                        {env: map[string]string{"K8S_API_TOKEN": "a"}, want: Config{K8sAPIToken: "a"}},
		"token, prefix":                {env: map[string]string{"CALICO_K8S_API_TOKEN": "b"}, want: Config{K8sAPIToken: "b"}},
		"token, calicoctl's name":      {env: map[string]string{"CALICO_K8SAPITOKEN": "c"}, want: Config{K8sAPIToken: "c"}},
		"token, prefix wins":           {env: map[string]string{"K8S_API_TOKEN": "a", "CALICO_K8S_API_TOKEN": "b"}, want: Config{K8sAPIToken: "b"}},
		"token, calicoctl's name wins": {env: map[string]string{"K8S_API_TOKEN": "a", "CALICO_K8S_API_TOKEN": "b", "CALICO_K8SAPITOKEN": "c"}, want: Config{K8sAPIToken: "c"}},
		"token, no such name":          {env: map[string]string{"K8SAPITOKEN": "d"}},
		"group has the prefix only":    {env: map[string]string{"API_GROUP": "no", "CALICO_API_GROUP": "projectcalico.org/v3"}, want: Config{CalicoAPIGroup: "projectcalico.org/v3"}},
		"typed values": {
			env:  map[string]string{"K8S_CLIENT_QPS": "2.5", "K8S_CLIENT_BURST": "7", "USE_POD_CIDR": "true"},
			want: Config{K8sClientQPS: 2.5, K8sClientBurst: 7, UsePodCIDR: true},
		},
		"every bad value": {
			env: map[string]string{"K8S_CLIENT_QPS": "x", "K8S_INSECURE_SKIP_TLS_VERIFY": ""},
			err: "Failed to create Calico API client: failed to load config from env vars: K8S_CLIENT_QPS: \"x\" is no number\n" +
				"failed to load config from env vars: K8S_INSECURE_SKIP_TLS_VERIFY: \"\" is neither true nor false",
		},
		"file wins as a whole": {
			file: fileHead + "  datastoreType: local\n", env: map[string]string{"CALICO_LOCAL_PATH": "/x", "DATASTORE_TYPE": "etcdv3"},
			want: Config{DatastoreType: "local"},
		},
		"file with inline keys": {
			file: fileHead + "  etcdEndpoints: https://a:1,https://b:1\n  etcdKey: |\n    k\n  etcdCert: c\n  k8sAPIToken: t\n  kubeconfigInline: |\n    a: b\n",
			want: Config{EtcdEndpoints: "https://a:1,https://b:1", EtcdKey: "k\n", EtcdCert: "c", K8sAPIToken: "t", KubeconfigInline: "a: b\n"},
		},
		"file of another version": {
			file: "apiVersion: projectcalico.org/v1\nkind: CalicoAPIConfig\n",
			err:  "Failed to create Calico API client: syntax error in FILE: invalid config file: unknown APIVersion 'projectcalico.org/v1', write projectcalico.org/v3",
		},
		"file of another kind": {
			file: "apiVersion: projectcalico.org/v3\nkind: Foo\n",
			err:  "Failed to create Calico API client: syntax error in FILE: invalid config file: expected kind 'CalicoAPIConfig', got 'Foo'",
		},
		"file with an unknown key": {
			file: fileHead + "  bogus: 1\n",
			err:  "Failed to create Calico API client: syntax error in FILE: failed to parse config as YAML/JSON: it has an unknown key (its text is not shown, since it may hold secrets)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "none")
			read := func(d *Deps, _ string) (Config, error) { return configFromEnv(d) }
			if c.file != "" {
				path, read = configFile(t, c.file), readConfig
			}
			got, err := read(&Deps{LookupEnv: func(name string) (string, bool) {
				value, ok := c.env[name]
				return value, ok
			}}, path)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Config{})); diff != "" {
				t.Error(diff)
			}
			if want := strings.ReplaceAll(c.err, "FILE", path); text != want {
				t.Errorf("error %q, want %q", text, want)
			}
		})
	}
}

// TestConfigSecrets breaks files around a secret in every way that makes a parser quote it.
func TestConfigSecrets(t *testing.T) {
	for _, text := range []string{
		"  etcdPassword: *canary\n", "  etcdPassword:canary\n", "  etcdPassword:canary:\n", "  etcdPassword: !!int canary\n",
		"  etcdPassword: {canary: canary, canary: 1}\n", "  etcdPassword: [canary]\n", "  k8sClientQPS: canary\n", "  kubeconfigInline: |\n canary: x\n",
		"  etcdPassword: \"canary\n", "  canary\n", "  etcdPassword: `canary`\n", "  etcdPassword: %canary\n", "---\ncanary\n",
	} {
		_, err := readConfig(&Deps{}, configFile(t, fileHead+text))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLoadConfig chooses a datastore, and refuses what is none, in words that say what to write.
func TestLoadConfig(t *testing.T) {
	for name, c := range map[string]struct {
		file, context string
		want          Config
		err           string
	}{
		"context wins over a file": {
			file: fileHead + "  datastoreType: local\n  k8sCurrentContext: a\n", context: "b",
			want: Config{DatastoreType: "local", K8sCurrentContext: "b"},
		},
		"endpoints mean etcd": {
			file: fileHead + "  etcdEndpoints: http://a:1\n",
			want: Config{DatastoreType: "etcdv3", EtcdEndpoints: "http://a:1"},
		},
		"a kubeconfig means kubernetes": {
			file: fileHead + "  kubeconfig: /x\n",
			want: Config{DatastoreType: "kubernetes", Kubeconfig: "/x"},
		},
		"nothing means kubernetes": {
			file: fileHead + "  localPath: /x\n", want: Config{DatastoreType: "kubernetes", LocalPath: "/x"},
		},
		"unknown": {file: fileHead + "  datastoreType: bogus\n", err: "unknown datastore type: bogus; write local, kubernetes or etcdv3"},
		"controller neither on nor off": {
			file: fileHead + "  datastoreType: local\n  localController: \"no\"\n",
			err:  "localController (CALICO_LOCAL_CONTROLLER) is \"no\"; write Enabled or Disabled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := loadConfig(&Deps{}, &globalOptions{kubeContext: c.context}, configFile(t, c.file))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Config{})); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	_, err := loadConfig(&Deps{}, &globalOptions{}, "/no/such/file")
	if err == nil || err.Error() != "Error reading config file: /no/such/file" {
		t.Error(err)
	}
}
