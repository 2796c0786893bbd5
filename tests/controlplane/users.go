package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// administrators is the group that may do everything.
const administrators = "system:masters"

// user authenticates with the static token NAME-token.
type user struct {
	name   string
	groups []string
}

func (u user) token() string { return u.name + "-token" }

// users is the token users, also as a repeatable flag NAME or NAME=GROUP,GROUP.
type users []user

// defaultUsers: one who may do everything, one who may do nothing beyond what
// every authenticated user may.
func defaultUsers() users {
	return users{{name: "admin", groups: []string{administrators}}, {name: "viewer"}}
}

func (u *users) String() string { return "" }

func (u *users) Type() string { return "NAME[=GROUP,...]" }

func (u *users) Set(text string) error {
	name, list, grouped := strings.Cut(text, "=")
	if name == "" || strings.ContainsAny(name, "/\\") {
		return fmt.Errorf("%q is no user name", name)
	}
	added := user{name: name}
	if grouped {
		added.groups = strings.Split(list, ",")
	}
	if known := slices.IndexFunc(*u, func(one user) bool { return one.name == name }); known >= 0 {
		(*u)[known] = added
		return nil
	}
	*u = append(*u, added)
	return nil
}

// writeTokens writes the API server's static token file.
func (u users) writeTokens(file string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	table := csv.NewWriter(out)
	for _, one := range u {
		row := []string{one.token(), one.name, one.name}
		if len(one.groups) > 0 {
			row = append(row, strings.Join(one.groups, ","))
		}
		if err := table.Write(row); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// writeKubeconfigs writes dir/NAME.kubeconfig for each token user, for the
// user of the client certificate, and for nobody (`anonymous`). It answers
// their paths by name.
func writeKubeconfigs(dir, server string, p *pki, all users) (map[string]string, error) {
	credentials := map[string]clientcmdapi.AuthInfo{
		"anonymous":   {},
		"certificate": {ClientCertificate: p.certificateUser.cert, ClientKey: p.certificateUser.key},
	}
	for _, one := range all {
		credentials[one.name] = clientcmdapi.AuthInfo{Token: one.token()}
	}
	files := make(map[string]string, len(credentials))
	for name, credential := range credentials {
		config := clientcmdapi.NewConfig()
		config.Clusters["controlplane"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: p.servingCA.cert}
		config.AuthInfos[name] = &credential
		config.Contexts[name] = &clientcmdapi.Context{Cluster: "controlplane", AuthInfo: name}
		config.CurrentContext = name
		// Embedded, so that a kubeconfig can be handed on alone.
		if err := clientcmdapi.FlattenConfig(config); err != nil {
			return nil, err
		}
		files[name] = filepath.Join(dir, name+".kubeconfig")
		if err := clientcmd.WriteToFile(*config, files[name]); err != nil {
			return nil, err
		}
	}
	return files, nil
}
