package main

import (
	"strconv"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// pageSize is a variable since the simulator makes a property collector of its own for each session, from its type
// alone.
var pageSize = 0

// pages is a property collector that answers with at most as many objects at a time as it is asked for, and as `-page`
// says. The simulator's own answers with all.
type pages struct {
	simulator.PropertyCollector
	guard sync.Mutex
	made  int
	rest  map[string]remainder
}

// remainder is what a token stands for.
type remainder struct {
	objects []types.ObjectContent
	most    int
}

// cut leaves as many objects in a result as there may be, and keeps the others for its token.
func (p *pages) cut(res *types.RetrieveResult, most int) {
	if most <= 0 || (pageSize > 0 && most > pageSize) {
		most = pageSize
	}
	if most == 0 || len(res.Objects) <= most {
		return
	}
	if p.rest == nil {
		p.rest = map[string]remainder{}
	}
	// A vCenter's first token is "0", too.
	res.Token = strconv.Itoa(p.made)
	p.made++
	p.rest[res.Token] = remainder{objects: res.Objects[most:], most: most}
	res.Objects = res.Objects[:most]
}

// RetrievePropertiesEx answers with the first page.
func (p *pages) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	res := p.PropertyCollector.RetrievePropertiesEx(ctx, req)
	if body := res.(*methods.RetrievePropertiesExBody); body.Res != nil && body.Res.Returnval != nil {
		p.guard.Lock()
		defer p.guard.Unlock()
		p.cut(body.Res.Returnval, int(req.Options.MaxObjects))
	}
	return res
}

// take gives what is left for a token, which is good for once.
func (p *pages) take(token string) (remainder, *soap.Fault) {
	rest, ok := p.rest[token]
	if !ok {
		return rest, simulator.Fault("", &types.InvalidArgument{InvalidProperty: "token"})
	}
	delete(p.rest, token)
	return rest, nil
}

// ContinueRetrievePropertiesEx answers with the next page.
func (p *pages) ContinueRetrievePropertiesEx(req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	p.guard.Lock()
	defer p.guard.Unlock()
	rest, fault := p.take(req.Token)
	if fault != nil {
		return &methods.ContinueRetrievePropertiesExBody{Fault_: fault}
	}
	res := types.RetrieveResult{Objects: rest.objects}
	p.cut(&res, rest.most)
	return &methods.ContinueRetrievePropertiesExBody{Res: &types.ContinueRetrievePropertiesExResponse{Returnval: res}}
}

// CancelRetrievePropertiesEx forgets the pages that are left.
func (p *pages) CancelRetrievePropertiesEx(req *types.CancelRetrievePropertiesEx) soap.HasFault {
	p.guard.Lock()
	defer p.guard.Unlock()
	if _, fault := p.take(req.Token); fault != nil {
		return &methods.CancelRetrievePropertiesExBody{Fault_: fault}
	}
	return &methods.CancelRetrievePropertiesExBody{Res: &types.CancelRetrievePropertiesExResponse{}}
}
