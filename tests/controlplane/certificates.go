package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime of every certificate: longer than any test run, short enough that
// a forgotten directory is worth nothing soon.
const lifetime = 30 * 24 * time.Hour

// keyPair names the PEM files of a certificate and its key.
type keyPair struct{ cert, key string }

// authority signs certificates of one purpose. The control plane has one per
// purpose, so that a certificate which is good for one is proven bad for the
// others.
type authority struct {
	keyPair
	parsed *x509.Certificate
	signer *ecdsa.PrivateKey
}

func newAuthority(dir, name string) (*authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	pair, signer, err := issue(dir, name, template, nil)
	if err != nil {
		return nil, err
	}
	return &authority{keyPair: pair, parsed: template, signer: signer}, nil
}

// client issues a certificate that authenticates user, a member of groups.
func (a *authority) client(dir, name, user string, groups ...string) (keyPair, error) {
	pair, _, err := issue(dir, name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a)
	return pair, err
}

// server issues a certificate for the given names and addresses.
func (a *authority) server(dir, name string, names []string, addresses ...net.IP) (keyPair, error) {
	pair, _, err := issue(dir, name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		DNSNames:    names,
		IPAddresses: addresses,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a)
	return pair, err
}

// issue completes the template, signs it with a new key by the parent (by
// itself when there is none), and writes both as dir/name.crt and .key.
func issue(dir, name string, template *x509.Certificate, parent *authority) (keyPair, *ecdsa.PrivateKey, error) {
	pair := keyPair{cert: filepath.Join(dir, name+".crt"), key: filepath.Join(dir, name+".key")}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair, nil, err
	}
	template.SerialNumber = serial
	// A minute back: clients on this machine may have read their clock earlier.
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = template.NotBefore.Add(lifetime)

	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.parsed, parent.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return pair, nil, err
	}
	if err := writePEM(pair.cert, "CERTIFICATE", der, 0o644); err != nil {
		return pair, nil, err
	}
	return pair, key, writePrivateKey(pair.key, key)
}

// newTokenKey makes the key pair that signs service account tokens.
func newTokenKey(dir string) (public, private string, err error) {
	public, private = filepath.Join(dir, "service-account.pub"), filepath.Join(dir, "service-account.key")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", err
	}
	if err := writePEM(public, "PUBLIC KEY", der, 0o644); err != nil {
		return "", "", err
	}
	return public, private, writePrivateKey(private, key)
}

func writePrivateKey(file string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "PRIVATE KEY", der, 0o600)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
