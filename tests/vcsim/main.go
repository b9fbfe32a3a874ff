// A vCenter or a standalone ESXi to test against: the simulator of govmomi 0.24 (Debian's
// golang-github-vmware-govmomi-dev), with an inventory that flags describe. Built and run by tests/vcsim-host.
//
// When it listens it prints its address and its certificate's SHA-256, on one line. It ends when standard input ends.
//
// The simulator lacks some of what a vCenter does, and does some things otherwise. What we add is ours: it tests our
// client against our own reading of the API reference, and proves nothing about VMware. `-bare` leaves it all out but
// the certificate. It is:
//
//	certificate.go  a key that a client of today accepts
//	clones.go       clones have disks and network cards of their own, of the format that was asked for; none on an ESXi
//	failures.go     a task that fails as the request's header says
//	mounts.go       NFS datastores have names instead of folders here, are on several hosts, and can be removed
//	options.go      a VM's options have one value each, and a clone has those of its source
//	pages.go        property collectors answer page by page
//	paths.go        a LUN's path selection policy can be set
//	tasks.go        tasks take a while, and can be cancelled
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
)

// settings are what the flags say.
type settings struct {
	kind, listen, user, password, certificate string
	names, nas, folders                       string
	hosts, datastores, count, luns            int
	free, disk                                int64
	on, bare, verbose                         bool
	idle, taskTime                            time.Duration
}

func flags() *settings {
	s := new(settings)
	flag.StringVar(&s.kind, "kind", "vpx", "vpx (a vCenter) or esx (a standalone host)")
	flag.StringVar(&s.listen, "listen", "127.0.0.1:0", "where to listen; port 0: a free one is chosen")
	flag.StringVar(&s.user, "user", "root", "the account")
	flag.StringVar(&s.password, "password", "secret", "its password")
	flag.StringVar(&s.certificate, "certificate", "", "the file to write its certificate to, PEM")
	flag.StringVar(&s.names, "vms", "", "VMs by name, with commas between")
	flag.IntVar(&s.count, "count", 0, "so many further VMs: vm-0000, …")
	flag.BoolVar(&s.on, "on", true, "the VMs are powered on")
	flag.Int64Var(&s.disk, "disk", 1, "the VMs' disks have so many GiB")
	flag.StringVar(&s.nas, "nas", "", "NFS datastores of all hosts by name, with commas between")
	flag.StringVar(&s.folders, "folders", "", "folders for VMs by name, with commas between; not for esx")
	flag.IntVar(&s.hosts, "hosts", 2, "so many hosts, none in a cluster; not for esx")
	flag.IntVar(&s.datastores, "datastores", 1, "so many local datastores: LocalDS_0, …")
	flag.IntVar(&s.luns, "luns", 0, "so many LUNs of an IBM SVC with four paths each on each host")
	flag.Int64Var(&s.free, "free", 0, "each datastore has so many GiB free of twice that; 0: as this machine's disk")
	flag.DurationVar(&s.idle, "idle", 0, "a session ends that was idle for so long; 0: none does")
	flag.DurationVar(&s.taskTime, "task-time", 0, "tasks take so long")
	flag.IntVar(&pageSize, "page", 0, "property collectors answer with so many objects at a time; 0: as asked for")
	flag.BoolVar(&s.bare, "bare", false, "the simulator alone")
	flag.BoolVar(&s.verbose, "v", false, "log to standard error")
	flag.Parse()
	return s
}

// list takes apart what has commas between.
func list(names string) []string {
	return strings.FieldsFunc(names, func(c rune) bool { return c == ',' })
}

func (s *settings) check() error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("what is %q? There are flags only", flag.Arg(0))
	case s.kind != "vpx" && s.kind != "esx":
		return fmt.Errorf("-kind %s: vpx or esx", s.kind)
	case s.hosts < 1 || s.datastores < 1:
		return errors.New("-hosts and -datastores: 1 at least")
	case s.kind == "esx" && s.folders != "":
		return errors.New("-folders: a standalone host has none")
	case s.bare && (s.taskTime != 0 || pageSize != 0):
		return errors.New("-bare: the simulator alone has neither -task-time nor -page")
	}
	return nil
}

// serve runs until standard input ends.
func serve(s *settings) error {
	// The simulator has a folder for each datastore.
	directory, err := os.MkdirTemp("", "vcsim-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	if err := os.Setenv("TMPDIR", directory); err != nil {
		return err
	}
	simulator.SessionIdleTimeout = s.idle
	model := simulator.VPX()
	if s.kind == "esx" {
		model = simulator.ESX()
	} else {
		model.Cluster, model.Host = 0, s.hosts
	}
	model.Machine, model.Datastore = 0, s.datastores
	if err := model.Create(); err != nil {
		return err
	}
	if err := fill(model, s, directory); err != nil {
		return err
	}
	own, err := certificate(s.certificate)
	if err != nil {
		return err
	}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	model.Service.Listen = &url.URL{Host: s.listen, User: url.UserPassword(s.user, s.password)}
	server := model.Service.NewServer()
	if !s.bare {
		server.Config.Handler = &around{inner: server.Config.Handler, by: s.taskTime}
	}
	at := server.URL
	fmt.Printf("%s://%s%s %x\n", at.Scheme, at.Host, at.Path, sha256.Sum256(own.Certificate[0]))
	_, err = io.Copy(io.Discard, os.Stdin)
	// Not closed: that would wait for those who wait for an answer.
	return err
}

func main() {
	s := flags()
	if !s.verbose {
		log.SetOutput(io.Discard)
	}
	err := s.check()
	if err == nil {
		err = serve(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vcsim:", err)
		os.Exit(1)
	}
}
