package main

import (
	"net"
	"os"
	"path/filepath"
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

// keptPKI finds what newPKI has made under dir. Its authorities cannot sign.
func keptPKI(dir string) *pki {
	pair := func(name string) keyPair {
		return keyPair{cert: filepath.Join(dir, name+".crt"), key: filepath.Join(dir, name+".key")}
	}
	kept := func(name string) *authority { return &authority{keyPair: pair(name)} }
	return &pki{
		servingCA: kept("serving-ca"), clientCA: kept("client-ca"), frontProxyCA: kept("front-proxy-ca"),
		serving: pair("apiserver"), frontProxy: pair("front-proxy-client"),
		toKubelet: pair("apiserver-kubelet-client"), certificateUser: pair("certificate-user"),
		serviceAccountPublic: filepath.Join(dir, "service-account.pub"),
		serviceAccountKey:    filepath.Join(dir, "service-account.key"),
	}
}

// rotateFrontProxy replaces the front proxy's authority, and with it its
// certificate. Nobody who knows the old one alone believes the new.
func (p *pki) rotateFrontProxy(dir string) (err error) {
	if p.frontProxyCA, err = newAuthority(dir, "front-proxy-ca"); err != nil {
		return err
	}
	p.frontProxy, err = p.frontProxyCA.client(dir, "front-proxy-client", frontProxyName)
	return err
}
