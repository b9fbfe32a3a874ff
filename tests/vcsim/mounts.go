package main

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// mounts is a host's datastore system whose NFS datastores are as those of a real host:
//   - `localPath` is the datastore's name; to the simulator it is a folder of this machine;
//   - the same export on a second host is the same datastore, with one more host; to the simulator it is a new one
//     with the old one's reference, without its hosts and VMs;
//   - RemoveDatastore takes it off a host unless there are VMs on it; the simulator has no such method.
type mounts struct {
	simulator.HostDatastoreSystem
	exports *exports
}

// exports are the NFS datastores of all hosts.
type exports struct {
	mu        sync.Mutex
	directory string
	known     map[types.ManagedObjectReference]*simulator.Datastore
}

func newExports(directory string) *exports {
	return &exports{directory: directory, known: map[types.ManagedObjectReference]*simulator.Datastore{}}
}

// CreateNasDatastore mounts an export.
func (m *mounts) CreateNasDatastore(ctx *simulator.Context, req *types.CreateNasDatastore) soap.HasFault {
	m.exports.mu.Lock()
	defer m.exports.mu.Unlock()
	name := req.Spec.LocalPath
	mapped := *req
	mapped.Spec.LocalPath = filepath.Join(m.exports.directory, filepath.Base(name))
	if err := os.MkdirAll(mapped.Spec.LocalPath, 0o700); err != nil {
		return &methods.CreateNasDatastoreBody{Fault_: simulator.Fault(err.Error(), &types.HostConfigFault{})}
	}
	res := m.HostDatastoreSystem.CreateNasDatastore(ctx, &mapped)
	if body := res.(*methods.CreateNasDatastoreBody); body.Fault_ == nil {
		m.mounted(simulator.Map.Get(body.Res.Returnval).(*simulator.Datastore), name, req.Spec.AccessMode)
	}
	return res
}

// mounted tells a datastore, which the simulator has just made, what it should know of itself.
func (m *mounts) mounted(made *simulator.Datastore, name, mode string) {
	made.Info.(*types.NasDatastoreInfo).Nas.Name = name
	if known := m.exports.known[made.Self]; known != nil {
		made.Host, made.Vm = known.Host, known.Vm
		// It is in its folder twice now.
		if folder, ok := simulator.Map.Get(*made.Parent).(*simulator.Folder); ok {
			simulator.Map.RemoveReference(folder, &folder.ChildEntity, made.Self)
		}
	}
	m.exports.known[made.Self] = made
	made.Host = append(made.Host, types.DatastoreHostMount{
		Key: m.Host.Self,
		MountInfo: types.HostMountInfo{
			Path:       "/vmfs/volumes/" + name,
			AccessMode: mode,
			Mounted:    types.NewBool(true),
			Accessible: types.NewBool(true),
		},
	})
}

// RemoveDatastore takes a datastore off this host, and out of the inventory where no other host has it.
func (m *mounts) RemoveDatastore(ctx *simulator.Context, req *types.RemoveDatastore) soap.HasFault {
	m.exports.mu.Lock()
	defer m.exports.mu.Unlock()
	refused := func(fault types.BaseMethodFault) soap.HasFault {
		return &methods.RemoveDatastoreBody{Fault_: simulator.Fault("", fault)}
	}
	datastore, ok := simulator.Map.Get(req.Datastore).(*simulator.Datastore)
	if !ok || simulator.FindReference(m.Datastore, req.Datastore) == nil {
		return refused(&types.NotFound{})
	}
	if len(datastore.Vm) > 0 {
		return refused(&types.ResourceInUse{Type: "Datastore", Name: datastore.Name})
	}
	simulator.RemoveReference(&m.Datastore, datastore.Self)
	m.Host.Datastore = m.Datastore
	var left []types.DatastoreHostMount
	for _, mount := range datastore.Host {
		if mount.Key != m.Host.Self {
			left = append(left, mount)
		}
	}
	if datastore.Host = left; len(left) == 0 {
		delete(m.exports.known, datastore.Self)
		datastore.DestroyTask(ctx, &types.Destroy_Task{This: datastore.Self})
	}
	return &methods.RemoveDatastoreBody{Res: &types.RemoveDatastoreResponse{}}
}
