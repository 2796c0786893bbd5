// Command controllermanager is the real kube-controller-manager, for tests of
// the controllers that read our API: the autoscaler, namespace deletion and
// garbage collection. It ends when stdin closes: a test that dies takes it
// along.
package main

import (
	"io"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	os.Exit(cli.Run(app.NewControllerManagerCommand()))
}
