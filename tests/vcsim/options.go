package main

import (
	"regexp"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

var reconfigures = regexp.MustCompile(`<ReconfigVM_Task[^>]*>\s*<_this[^>]*>([^<]+)<`)

// machine is the VM of this identifier, if there is one.
func machine(id string) *simulator.VirtualMachine {
	vm, _ := simulator.Map.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: id}).(*simulator.VirtualMachine)
	return vm
}

// settle makes of a VM's options what a vCenter makes of them: a later one takes the place of an earlier one with the
// same key, and an empty one takes it away. The simulator puts all of them one after the other.
func settle(vm *simulator.VirtualMachine) {
	latest := make(map[string]types.BaseOptionValue)
	for _, option := range vm.Config.ExtraConfig {
		latest[option.GetOptionValue().Key] = option
	}
	kept := make([]types.BaseOptionValue, 0, len(latest))
	for _, option := range vm.Config.ExtraConfig {
		key := option.GetOptionValue().Key
		if last, ok := latest[key]; ok && last.GetOptionValue().Value != "" {
			kept = append(kept, last)
		}
		delete(latest, key)
	}
	vm.Config.ExtraConfig = kept
}

// inherit gives the clone that an ended task has made the options of its source, as a vCenter does; the simulator gives it
// those of the call only.
func inherit(source *simulator.VirtualMachine, task types.ManagedObjectReference) {
	ended, ok := simulator.Map.Get(task).(*simulator.Task)
	if !ok {
		return
	}
	ref, ok := ended.Info.Result.(types.ManagedObjectReference)
	if !ok {
		return
	}
	clone := machine(ref.Value)
	clone.Config.ExtraConfig = append(append([]types.BaseOptionValue{}, source.Config.ExtraConfig...), clone.Config.ExtraConfig...)
	settle(clone)
}
