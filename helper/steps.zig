//! The steps of `pre_exec`: system calls that the child makes right before execve, as data. What the Rust crate runs as a
//! closure may make system calls only, and so may this.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const plans = @import("plan.zig");
const callOf = @import("syscall_numbers.zig").callOf;
const sys = @import("sys.zig");

const Plan = plans.Plan;
const Refusal = plans.Refusal;

/// Decides everything about the plan's steps, so that running them can fail by system calls only.
pub fn take(plan: *Plan) ?Refusal {
    const list = plan.request.pre_exec;
    for (list, 0..) |step, index| {
        if (callOf(step.number) == null) return refuse(index, "no system call has that number");
        for (step.arguments, 0..) |argument, position| {
            if (check(list, index, position, argument)) |detail| return refuse(index, detail);
        }
    }
    return null;
}

fn refuse(index: usize, detail: [:0]const u8) Refusal {
    return .{ .stage = .pre_exec, .item = .step, .index = @intCast(index), .detail = detail };
}

/// What is wrong with an argument, or null.
fn check(list: []const messages.Step, index: usize, position: usize, argument: messages.StepArgument) ?[:0]const u8 {
    const count = @as(u8, @intFromBool(argument.number != null)) + @intFromBool(argument.buffer != null) +
        @intFromBool(argument.result != null) + @intFromBool(argument.reference != null);
    if (count != 1) return "an argument needs one value";
    if (argument.result) |earlier| {
        if (earlier >= index) return "an argument is the result of a step that comes later";
    }
    if (argument.reference) |reference| {
        const comes_later = reference.step > index or (reference.step == index and reference.argument >= position);
        if (comes_later or reference.argument >= list[reference.step].arguments.len) {
            return "an argument refers to one that comes later";
        }
        if (list[reference.step].arguments[reference.argument].buffer == null) {
            return "an argument refers to one that is no buffer";
        }
    }
    return null;
}

/// Runs the plan's steps in order. The first failure that a step does not allow ends the child.
pub fn run(plan: *const Plan, report: sys.fd_t) void {
    const list = plan.request.pre_exec;
    var results: [limits.steps_max]usize = undefined;
    for (list, 0..) |step, index| {
        var registers: [limits.step_arguments_max]usize = @splat(0);
        for (step.arguments, registers[0..step.arguments.len]) |argument, *register| {
            register.* = valueOf(list, argument, results[0..index]);
        }
        const result = linux.syscall6(
            callOf(step.number).?,
            registers[0],
            registers[1],
            registers[2],
            registers[3],
            registers[4],
            registers[5],
        );
        results[index] = result;
        if (step.allow_failure) continue;
        _ = child.check(report, result, .{ .stage = .pre_exec, .item = .step, .index = @intCast(index) });
    }
}

noinline fn valueOf(list: []const messages.Step, argument: messages.StepArgument, results: []const usize) usize {
    // Where a register is smaller, the upper half goes, as it does in C.
    if (argument.number) |number| return @truncate(number);
    if (argument.buffer) |buffer| return @intFromPtr(buffer.ptr);
    if (argument.result) |index| return results[index];
    const reference = argument.reference.?;
    return @intFromPtr(list[reference.step].arguments[reference.argument].buffer.?.ptr);
}
