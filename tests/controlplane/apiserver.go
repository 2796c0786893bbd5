package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// frontProxyName is the only common name that may act as the aggregator.
const frontProxyName = "front-proxy-client"

var loopback = net.IPv4(127, 0, 0, 1)

// apiserver is a running kube-apiserver.
type apiserver struct {
	url  string
	done <-chan error
	stop context.CancelFunc
}

// startAPIServer starts kube-apiserver on a port of 127.0.0.1, a free one if
// that is 0. It runs until stop is called; done then tells how it ended.
func startAPIServer(port uint16, arguments []string) (*apiserver, error) {
	run := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range run.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	// A listener of our own, not a port number: no other test can take the
	// port between choosing and binding it.
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback.String(), strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	run.SecureServing.Listener = listener
	run.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	run.SecureServing.BindAddress = loopback

	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- runAPIServer(ctx, run)
	}()
	return &apiserver{url: "https://" + listener.Addr().String(), done: done, stop: stop}, nil
}

// runAPIServer does what the kube-apiserver command does once its flags are
// parsed, without the process-wide signal handler and log set-up.
func runAPIServer(ctx context.Context, run *options.ServerRunOptions) error {
	if err := run.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := run.Complete(ctx)
	if err != nil {
		return err
	}
	if faults := completed.Validate(); len(faults) > 0 {
		return utilerrors.NewAggregate(faults)
	}
	return app.Run(ctx, completed)
}

// apiserverArguments is the command line of an API server that stands alone:
// no scheduler, no controllers, no network plugin.
func apiserverArguments(p *pki, etcdEndpoint, tokens, tracing string) []string {
	arguments := []string{
		"--etcd-servers=" + etcdEndpoint,
		"--tls-cert-file=" + p.serving.cert, "--tls-private-key-file=" + p.serving.key,
		"--advertise-address=" + loopback.String(),
		// Endpoints may not hold loopback addresses, so the server must not
		// publish its own; nothing here dials the `kubernetes` service.
		"--endpoint-reconciler-type=none",
		"--client-ca-file=" + p.clientCA.cert,
		"--token-auth-file=" + tokens,
		"--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + p.serviceAccountPublic,
		"--service-account-signing-key-file=" + p.serviceAccountKey,
		// This plugin refuses pods in a namespace without a `default` service
		// account, which only a controller makes. Without it pods need none,
		// which is simpler than running that controller; service accounts
		// made by hand and their tokens work all the same.
		"--disable-admission-plugins=ServiceAccount",
		"--allow-privileged=true",
		"--requestheader-client-ca-file=" + p.frontProxyCA.cert,
		"--requestheader-allowed-names=" + frontProxyName,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + p.frontProxy.cert, "--proxy-client-key-file=" + p.frontProxy.key,
		// Off, so that a Service of type ExternalName leads the aggregator to
		// any port of this machine.
		"--enable-aggregator-routing=false",
		"--kubelet-client-certificate=" + p.toKubelet.cert, "--kubelet-client-key=" + p.toKubelet.key,
		// A node that is named `localhost` is dialled by that name.
		"--kubelet-preferred-address-types=Hostname,InternalIP",
	}
	if tracing != "" {
		arguments = append(arguments, "--tracing-config-file="+tracing)
	}
	return arguments
}

// writeTracing writes the API server's tracing configuration: every request
// becomes a trace, sent to the OTLP gRPC endpoint in the clear.
func writeTracing(dir, endpoint string) (string, error) {
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		return "", fmt.Errorf("--otlp-endpoint: %w", err)
	}
	file := filepath.Join(dir, "tracing.yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, `apiVersion: apiserver.config.k8s.io/v1
kind: TracingConfiguration
endpoint: %q
samplingRatePerMillion: 1000000
`, endpoint), 0o600)
}

// waitReady returns once /readyz says ok, or with the reason why it never did.
func (a *apiserver) waitReady(ctx context.Context, token, caFile string) error {
	client, err := trusting(caFile)
	if err != nil {
		return err
	}
	var last error
	for {
		if last = a.readyz(ctx, client, token); last == nil {
			return nil
		}
		select {
		case err := <-a.done:
			return fmt.Errorf("kube-apiserver ended: %w", errors.Join(err, last))
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", context.Cause(ctx), last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// drain stops the server and waits for its end, but not for ever.
func (a *apiserver) drain() {
	a.stop()
	select {
	case <-a.done:
	case <-time.After(stopTimeout):
	}
}

func (a *apiserver) readyz(ctx context.Context, client *http.Client, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/readyz", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("/readyz: %s: %s", response.Status, body)
	}
	return err
}

func trusting(caFile string) (*http.Client, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}
