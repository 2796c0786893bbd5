package main

import (
	"net"
	"os"
)

// clusterAddress is the first of the default service range: the address of
// the `kubernetes` service, which clients in pods dial.
var clusterAddress = net.IPv4(10, 0, 0, 1)

// pki holds every certificate of the control plane.
type pki struct {
	servingCA, clientCA, frontProxyCA       *authority
	serving, frontProxy, toKubelet          keyPair
	certificateUser                         keyPair
	serviceAccountPublic, serviceAccountKey string
}

// newPKI makes all authorities and certificates anew under dir.
func newPKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{}
	for name, place := range map[string]**authority{
		"serving-ca":     &p.servingCA,
		"client-ca":      &p.clientCA,
		"front-proxy-ca": &p.frontProxyCA,
	} {
		made, err := newAuthority(dir, name)
		if err != nil {
			return nil, err
		}
		*place = made
	}
	return p, p.issueAll(dir)
}

func (p *pki) issueAll(dir string) (err error) {
	names := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	if p.serving, err = p.servingCA.server(dir, "apiserver", names, loopback, clusterAddress); err != nil {
		return err
	}
	if p.frontProxy, err = p.frontProxyCA.client(dir, "front-proxy-client", frontProxyName); err != nil {
		return err
	}
	if p.toKubelet, err = p.clientCA.client(dir, "apiserver-kubelet-client", "kube-apiserver-kubelet-client", administrators); err != nil {
		return err
	}
	if p.certificateUser, err = p.clientCA.client(dir, "certificate-user", "certificate-user"); err != nil {
		return err
	}
	p.serviceAccountPublic, p.serviceAccountKey, err = newTokenKey(dir)
	return err
}
