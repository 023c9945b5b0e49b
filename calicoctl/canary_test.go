package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/test/transcript"
)

// canary is a secret that no output may show.
const canary = "canary-7f3a9c"

// TestCanary puts a secret in every place of the environment, of the configuration file and of a kubeconfig that can
// hold one, where the real servers refuse it or nobody answers, and finds it in nothing that the program prints, at any
// level of the log.
func TestCanary(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	etcd, api := servers.Etcd(t).Endpoint, servers.APIServer(t)
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	kubeconfig := func(server, user string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"a","clusters":[{"name":"a","cluster":{"server":%q,"certificate-authority":%q}}],`+
			`"users":[{"name":"a","user":%s}],"contexts":[{"name":"a","context":{"cluster":"a","user":"a"}}]}`, server, api.CAFile, user)
	}
	withToken := fmt.Sprintf(`{"token":%q}`, canary)
	config := func(name, spec string) string {
		return write(name, `{"apiVersion":"projectcalico.org/v3","kind":"CalicoAPIConfig","spec":{`+spec+`}}`)
	}
	refused := map[string]string{"DATASTORE_TYPE": "kubernetes", "K8S_API_ENDPOINT": api.URL, "K8S_CA_FILE": api.CAFile}
	with := func(base map[string]string, name, value string) map[string]string {
		out := maps.Clone(base)
		out[name] = value
		return out
	}
	etcdHere := map[string]string{"DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": "http://" + etcd, "ETCD_USERNAME": "u"}
	for name, c := range map[string]struct {
		environment map[string]string
		file        string
	}{
		"token":                     {environment: with(refused, "K8S_API_TOKEN", canary)},
		"token, calicoctl's name":   {environment: with(refused, "CALICO_K8SAPITOKEN", canary)},
		"token with a line break":   {environment: with(refused, "K8S_API_TOKEN", canary+"\n"+canary)},
		"API server's URL":          {environment: with(refused, "K8S_API_ENDPOINT", "https://u:"+canary+"@127.0.0.1:1")},
		"kubeconfig":                {environment: map[string]string{"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": write("kubeconfig", kubeconfig(api.URL, withToken))}},
		"kubeconfig, nobody there":  {environment: map[string]string{"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": write("nobody", kubeconfig("https://127.0.0.1:1", withToken))}},
		"kubeconfig, cut short":     {environment: map[string]string{"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": write("cut", "users: [{name: a, user: {token: "+canary)}},
		"kubeconfig, client key":    {environment: map[string]string{"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": write("key", kubeconfig(api.URL, fmt.Sprintf(`{"client-certificate-data":%q,"client-key-data":%[1]q}`, encoded)))}},
		"inline kubeconfig":         {file: config("inline", fmt.Sprintf(`"datastoreType":"kubernetes","kubeconfigInline":%q`, kubeconfig(api.URL, withToken)))},
		"token in the file":         {file: config("token", fmt.Sprintf(`"datastoreType":"kubernetes","k8sAPIEndpoint":%q,"k8sCAFile":%q,"k8sAPIToken":%q`, api.URL, api.CAFile, canary))},
		"etcd's URL":                {environment: with(etcdHere, "ETCD_ENDPOINTS", "http://u:"+canary+"@"+etcd)},
		"etcd's password, nobody":   {environment: with(with(etcdHere, "ETCD_PASSWORD", canary), "ETCD_ENDPOINTS", "http://127.0.0.1:1")},
		"etcd's key in the file":    {file: config("etcd", fmt.Sprintf(`"etcdEndpoints":"https://127.0.0.1:1","etcdKey":%q,"etcdCert":%[1]q`, canary))},
		"password of a wrong type":  {file: config("type", fmt.Sprintf(`"etcdEndpoints":"http://127.0.0.1:1","etcdPassword":{"a":%q}`, canary))},
		"a configuration cut short": {file: write("short", "spec: {etcdPassword: "+canary)},
		"an unknown key":            {file: config("unknown", fmt.Sprintf(`"etcdPasswort":%q`, canary))},
	} {
		for _, level := range []string{"panic", "debug", "trace"} {
			for _, command := range [][]string{{"get", "heps"}, {"apply", "-f", "-"}, {"version"}} {
				t.Run(name+"/"+level+"/"+command[0], func(t *testing.T) {
					args := append([]string{"--request-timeout=500ms", "-l", level}, command...)
					if c.file != "" {
						args = append(args, "--config", c.file)
					}
					_, stdout, stderr := runProgram(t, program, c.environment, transcript.Step{
						Args: args, Stdin: `{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"a"}}`,
					})
					if stdout+stderr == "" {
						t.Error("nothing is printed")
					}
					for _, secret := range []string{canary, encoded} {
						if strings.Contains(stdout+stderr, secret) {
							t.Errorf("the secret is shown:\n%s%s", stdout, stderr)
						}
					}
				})
			}
		}
	}
}
