package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// slow is a task that takes a while and can be cancelled. What it does was done before it began: only what it says of
// itself comes later. The simulator's own tasks have ended when the call that begins them returns.
type slow struct {
	simulator.Task
	outcome types.TaskInfo
	ended   bool
}

// delay makes an ended task one that runs for so long.
func delay(ref types.ManagedObjectReference, by time.Duration) {
	known, ok := simulator.Map.Get(ref).(*simulator.Task)
	if !ok {
		return
	}
	task := &slow{Task: *known, outcome: known.Info}
	info := &task.Info
	info.State, info.Progress, info.Cancelable = types.TaskInfoStateRunning, 10, true
	info.Result, info.Error, info.CompleteTime = nil, nil, nil
	simulator.Map.Put(task)
	later := func(after time.Duration, act func()) {
		time.AfterFunc(after, func() {
			simulator.Map.WithLock(task, func() {
				if !task.ended {
					act()
				}
			})
		})
	}
	later(by/2, func() {
		simulator.Map.Update(task, []types.PropertyChange{{Name: "info.progress", Val: int32(60)}})
	})
	later(by, func() { task.end(task.outcome.State, task.outcome.Result, task.outcome.Error) })
}

func (t *slow) end(state types.TaskInfoState, result types.AnyType, fault *types.LocalizedMethodFault) {
	t.ended = true
	changes := []types.PropertyChange{
		{Name: "info.state", Val: state},
		{Name: "info.completeTime", Val: time.Now()},
		{Name: "info.cancelable", Val: false},
	}
	if result != nil {
		changes = append(changes, types.PropertyChange{Name: "info.result", Val: result})
	}
	if fault != nil {
		changes = append(changes, types.PropertyChange{Name: "info.error", Val: *fault})
	}
	simulator.Map.Update(t, changes)
}

// CancelTask ends the task. A VM that it made is gone then.
func (t *slow) CancelTask(ctx *simulator.Context, _ *types.CancelTask) soap.HasFault {
	if t.ended {
		return &methods.CancelTaskBody{Fault_: simulator.Fault("", &types.InvalidState{})}
	}
	if ref, ok := t.outcome.Result.(types.ManagedObjectReference); ok {
		if vm, ok := simulator.Map.Get(ref).(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() { vm.DestroyTask(ctx, &types.Destroy_Task{This: ref}) })
		}
	}
	t.Info.Cancelled = true
	t.end(types.TaskInfoStateError, nil, &types.LocalizedMethodFault{
		Fault:            &types.RequestCanceled{},
		LocalizedMessage: "The task was canceled by a user.",
	})
	return &methods.CancelTaskBody{Res: &types.CancelTaskResponse{}}
}
