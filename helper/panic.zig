//! What happens where the helper finds a bug in itself: one line on standard error, and the end. std's own formats numbers
//! into the message, which takes more room in the binary than everything that can be wrong.
const std = @import("std");
const linux = std.os.linux;

/// Tells why there is no helper, or none any more.
pub noinline fn die(message: []const u8, status: u8) noreturn {
    @branchHint(.cold);
    const parts = [_]std.posix.iovec_const{ part("unshare-helper: "), part(message), part("\n") };
    _ = linux.writev(2, &parts, parts.len);
    linux.exit_group(status);
}

fn part(text: []const u8) std.posix.iovec_const {
    return .{ .base = text.ptr, .len = text.len };
}

/// EX_SOFTWARE of sysexits.h.
const status_of_bug = 70;

pub fn call(message: []const u8, _: ?usize) noreturn {
    die(message, status_of_bug);
}

pub fn sentinelMismatch(_: anytype, _: anytype) noreturn {
    die("a sentinel is missing", status_of_bug);
}

pub fn unwrapError(_: anyerror) noreturn {
    die("an error was not expected", status_of_bug);
}

pub fn outOfBounds(_: usize, _: usize) noreturn {
    die("an index is out of bounds", status_of_bug);
}

pub fn startGreaterThanEnd(_: usize, _: usize) noreturn {
    die("a slice ends before it starts", status_of_bug);
}

pub fn inactiveUnionField(_: anytype, _: anytype) noreturn {
    die("a union has another field", status_of_bug);
}

pub fn sliceCastLenRemainder(_: usize) noreturn {
    die("a slice cannot be divided", status_of_bug);
}

pub fn reachedUnreachable() noreturn {
    die("unreachable code was reached", status_of_bug);
}

pub fn unwrapNull() noreturn {
    die("a null was not expected", status_of_bug);
}

pub fn castToNull() noreturn {
    die("a pointer is null", status_of_bug);
}

pub fn incorrectAlignment() noreturn {
    die("a pointer is not aligned", status_of_bug);
}

pub fn invalidErrorCode() noreturn {
    die("an error code is none", status_of_bug);
}

pub fn integerOutOfBounds() noreturn {
    die("a number does not fit", status_of_bug);
}

pub fn integerOverflow() noreturn {
    die("a number overflows", status_of_bug);
}

pub fn shlOverflow() noreturn {
    die("a shift loses bits", status_of_bug);
}

pub fn shrOverflow() noreturn {
    die("a shift loses bits", status_of_bug);
}

pub fn divideByZero() noreturn {
    die("a division by zero", status_of_bug);
}

pub fn exactDivisionRemainder() noreturn {
    die("a division has a remainder", status_of_bug);
}

pub fn integerPartOutOfBounds() noreturn {
    die("a number does not fit", status_of_bug);
}

pub fn corruptSwitch() noreturn {
    die("a switch is on no value", status_of_bug);
}

pub fn shiftRhsTooBig() noreturn {
    die("a shift is too far", status_of_bug);
}

pub fn invalidEnumValue() noreturn {
    die("an enum has no such value", status_of_bug);
}

pub fn forLenMismatch() noreturn {
    die("lists differ in length", status_of_bug);
}

pub fn copyLenMismatch() noreturn {
    die("copies differ in length", status_of_bug);
}

pub fn memcpyAlias() noreturn {
    die("copies overlap", status_of_bug);
}

pub fn noreturnReturned() noreturn {
    die("a function returned that must not", status_of_bug);
}
