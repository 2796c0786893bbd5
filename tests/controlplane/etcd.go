package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcd is the embedded store of one control plane.
type etcd struct {
	sockets  string
	endpoint string
}

// startEtcd starts a store with its data and log under dir, an empty one
// unless an earlier run is resumed. It listens
// on unix sockets only: no port to be taken by another test, and nobody but
// this user gets at the data past the API server.
func startEtcd(ctx context.Context, dir string, resume bool) (*etcd, error) {
	// Socket paths have about 100 bytes; the working directory may be deeper.
	sockets, err := os.MkdirTemp("", "kv-etcd-")
	if err != nil {
		return nil, err
	}
	client := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "client")}
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.LogLevel = "warn"
	// The default, which etcd sets only from its command line; with zero it
	// would warn about every request.
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	config.LogOutputs = []string{filepath.Join(dir, "etcd.log")}
	config.ListenClientUrls = []url.URL{client}
	// An unnamed socket: there are no peers.
	config.ListenPeerUrls = []url.URL{{Scheme: "unix"}}
	// etcd wants advertised URLs with a port. Nobody dials them: the API
	// server is given the socket.
	config.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2379"}}
	config.AdvertisePeerUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:2380"}}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// The data may be lost with the machine, not with the process.
	config.UnsafeNoFsync = true

	store := &etcd{sockets: sockets, endpoint: client.String()}
	if !resume {
		if err := os.RemoveAll(config.Dir); err != nil {
			return nil, store.abandon(err)
		}
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, store.abandon(fmt.Errorf("start etcd: %w", err))
	}
	select {
	case <-server.Server.ReadyNotify():
		return store, nil
	case err = <-server.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, store.abandon(fmt.Errorf("start etcd: %w", err))
}

// stop takes the sockets away; data and log stay. The server itself ends with
// the process: its own close waits seconds for the API server's watches, to
// save data that nobody will read.
func (e *etcd) stop() { os.RemoveAll(e.sockets) }

func (e *etcd) abandon(err error) error {
	e.stop()
	return err
}
