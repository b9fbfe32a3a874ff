package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// paths is a host's storage system in which a LUN's path selection policy can be set. The simulator's own answers
// MethodNotFound.
type paths struct {
	simulator.HostStorageSystem
}

// SetMultipathLunPolicy replaces the policy of the LUN that has this id.
func (p *paths) SetMultipathLunPolicy(req *types.SetMultipathLunPolicy) soap.HasFault {
	body := &methods.SetMultipathLunPolicyBody{}
	units := p.StorageDeviceInfo.MultipathInfo.Lun
	for i := range units {
		if units[i].Id == req.LunId {
			units[i].Policy = req.Policy
			body.Res = &types.SetMultipathLunPolicyResponse{}
			return body
		}
	}
	body.Fault_ = simulator.Fault("no such LUN", &types.NotFound{})
	return body
}
