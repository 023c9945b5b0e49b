// Command calicoctl protects Kubernetes nodes with Calico host endpoints.
package main

import (
	"context"
	"os"

	"github.com/edfb3db0/calicoctl/commands"
)

// Set by the linker.
var version, commit, date string

func main() {
	os.Exit(commands.Main(context.Background(), commands.Build{Version: version, Commit: commit, Date: date}))
}
