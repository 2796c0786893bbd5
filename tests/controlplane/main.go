// Command controlplane runs etcd and kube-apiserver in one process on
// loopback, with every certificate an API aggregator needs. See README.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

const (
	// A start takes seconds; what takes this long has failed.
	startTimeout = 120 * time.Second
	// Requests under way end within this time. The server would go on to wait
	// a minute for open watches, its own among them, and hold a test up.
	stopTimeout = 2 * time.Second
)

// settings is the command line.
type settings struct {
	dir           string
	readyFile     string
	otlpEndpoint  string
	port          uint16
	resume        bool
	rotate        bool
	stdinLifetime bool
	users         users
}

// announcement is the one line on stdout that says the server is ready.
type announcement struct {
	Server          string            `json:"server"`
	Dir             string            `json:"dir"`
	Kubeconfig      map[string]string `json:"kubeconfig"`
	ServingCA       string            `json:"servingCA"`
	ClientCA        string            `json:"clientCA"`
	ClientCAKey     string            `json:"clientCAKey"`
	FrontProxyCA    string            `json:"frontProxyCA"`
	FrontProxyCAKey string            `json:"frontProxyCAKey"`
	FrontProxyCert  string            `json:"frontProxyCert"`
	FrontProxyKey   string            `json:"frontProxyKey"`
}

func main() {
	if err := run(); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func run() error {
	set, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if set.stdinLifetime {
		ctx = untilStdinCloses(ctx)
	}
	log, err := logTo(filepath.Join(set.dir, "apiserver.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	return serve(ctx, set)
}

func parse(arguments []string) (*settings, error) {
	set := &settings{users: defaultUsers()}
	flags := pflag.NewFlagSet("controlplane", pflag.ContinueOnError)
	flags.StringVar(&set.dir, "dir", "", "directory of all files, made if missing; what an earlier run left there is replaced")
	flags.StringVar(&set.readyFile, "ready-file", "", "file to which the line printed when ready is written too")
	flags.StringVar(&set.otlpEndpoint, "otlp-endpoint", "", "HOST:PORT of an OTLP gRPC receiver for the API server's traces (none if empty)")
	flags.Uint16Var(&set.port, "secure-port", 0, "port of the API server (a free one if 0)")
	flags.BoolVar(&set.resume, "resume", false, "go on with the data and the certificates of an earlier run in DIR")
	flags.BoolVar(&set.rotate, "rotate-front-proxy", false, "with --resume: a new authority and certificate of the front proxy")
	flags.BoolVar(&set.stdinLifetime, "stdin-lifetime", false, "stop when stdin closes, so that no parent leaves this behind")
	flags.Var(&set.users, "user", "one more user with the token NAME-token; repeatable")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	if set.dir == "" || flags.NArg() > 0 {
		return nil, errors.New("usage: controlplane --dir DIR [flags]; see --help")
	}
	absolute, err := filepath.Abs(set.dir)
	if err != nil {
		return nil, err
	}
	set.dir = absolute
	if err := os.MkdirAll(set.dir, 0o700); err != nil {
		return nil, err
	}
	// A line that an earlier run left behind must not be taken for ours.
	if err := os.Remove(set.readyFile); set.readyFile != "" && !errors.Is(err, os.ErrNotExist) {
		return set, err
	}
	return set, nil
}

// serve runs the control plane until ctx ends.
func serve(ctx context.Context, set *settings) error {
	starting, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("not ready within %s, see the logs in %s", startTimeout, set.dir))
	defer cancel()

	keys, err := set.keys()
	if err != nil {
		return err
	}
	store, err := startEtcd(starting, set.dir, set.resume)
	if err != nil {
		return err
	}
	defer store.stop()
	server, err := launch(set, keys, store)
	if err != nil {
		return err
	}
	defer server.drain()
	admin := set.users[0]
	if err := server.waitReady(starting, admin.token(), keys.servingCA.cert); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	if err := announce(set, keys, server.url); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.done:
		return fmt.Errorf("kube-apiserver ended by itself: %w", err)
	}
}

// keys makes the certificates, or finds those of the run that is resumed.
func (set *settings) keys() (*pki, error) {
	dir := filepath.Join(set.dir, "pki")
	if !set.resume {
		return newPKI(dir)
	}
	keys := keptPKI(dir)
	if set.rotate {
		return keys, keys.rotateFrontProxy(dir)
	}
	return keys, nil
}

// launch starts the API server with the files it reads.
func launch(set *settings, keys *pki, store *etcd) (*apiserver, error) {
	tokens, tracing := filepath.Join(set.dir, "tokens.csv"), ""
	if err := set.users.writeTokens(tokens); err != nil {
		return nil, err
	}
	if set.otlpEndpoint != "" {
		var err error
		if tracing, err = writeTracing(set.dir, set.otlpEndpoint); err != nil {
			return nil, err
		}
	}
	return startAPIServer(set.port, apiserverArguments(keys, store.endpoint, tokens, tracing))
}

func announce(set *settings, keys *pki, server string) error {
	kubeconfigs, err := writeKubeconfigs(set.dir, server, keys, set.users)
	if err != nil {
		return err
	}
	line, err := json.Marshal(announcement{
		Server: server, Dir: set.dir, Kubeconfig: kubeconfigs,
		ServingCA: keys.servingCA.cert,
		ClientCA:  keys.clientCA.cert, ClientCAKey: keys.clientCA.key,
		FrontProxyCA: keys.frontProxyCA.cert, FrontProxyCAKey: keys.frontProxyCA.key,
		FrontProxyCert: keys.frontProxy.cert, FrontProxyKey: keys.frontProxy.key,
	})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if set.readyFile != "" {
		// Renamed into place: a reader sees the whole line or no file.
		if err := os.WriteFile(set.readyFile+".new", line, 0o600); err != nil {
			return err
		}
		if err := os.Rename(set.readyFile+".new", set.readyFile); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(line)
	return err
}

// untilStdinCloses derives a context that ends with ctx or with stdin.
func untilStdinCloses(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		io.Copy(io.Discard, os.Stdin)
	}()
	return ctx
}

// logTo sends everything the Kubernetes libraries log to one file.
func logTo(file string) (*os.File, error) {
	log, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(log))))
	return log, nil
}
