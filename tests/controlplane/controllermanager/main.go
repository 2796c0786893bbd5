// Command controllermanager is the real kube-controller-manager, for tests of
// the controllers that read our API: the autoscaler, namespace deletion and
// garbage collection.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	os.Exit(cli.Run(app.NewControllerManagerCommand()))
}
