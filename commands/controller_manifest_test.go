package commands

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestControllerManifest reads the command line in deploy/controller.yaml as this program does.
func TestControllerManifest(t *testing.T) {
	text, err := os.ReadFile("../deploy/controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var object struct {
			Kind string
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Args  []string
							Ports []struct {
								Name          string
								ContainerPort int
							}
						}
					}
				}
			}
		}
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		if object.Kind != "Deployment" {
			continue
		}
		found = true
		container := object.Spec.Template.Spec.Containers[0]
		cmd, rest, err := Tree().Find(container.Args)
		if err != nil || cmd.CommandPath() != "calicoctl controller run" {
			t.Fatalf("%v is no call of controller run: %v", container.Args, err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		if address, _ := cmd.Flags().GetString("health-address"); address != ":9098" || container.Ports[1].ContainerPort != 9098 {
			t.Errorf("health is served at %q, and the probes ask at %d", address, container.Ports[1].ContainerPort)
		}
		format, _ := cmd.Flags().GetString("log-format")
		if !slices.Contains(logFormats, format) {
			t.Errorf("there is no log format %q", format)
		}
	}
	if !found {
		t.Error("there is no Deployment")
	}
}
