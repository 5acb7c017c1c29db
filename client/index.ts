/// <reference types="node" preserve="true" />

export type { Bytes } from './bytes';
export { Capability } from './command/capability';
export {
  Command,
  type OutputOptions,
  type SpawnOptions,
  type StatusOptions,
  type TextOutputOptions,
} from './command/command';
export { Fd } from './command/fd';
export type { FileOptions, ReadFileOptions } from './command/file-to-open';
export type { FindOptions } from './command/find';
export { GidMap, UidMap } from './command/id-map';
export type { Input } from './command/input';
export type { NamespaceSource } from './command/join-source';
export type { MountPropagation } from './command/mount-propagation';
export { Namespace } from './command/namespace';
export type { GidMapRow, UidMapRow } from './command/namespaces';
export type { OpenFile } from './command/open-file';
export { Printer } from './command/printer';
export { Stdio, type StdioLike } from './command/stdio';
export { type Step, type StepArgument, type StepResult, step } from './command/step';
export { Style } from './command/style';
export type { SyncOptions, SyncOutputOptions, SyncTextOutputOptions } from './command/sync-calls';
export * from './constants';
export { type DoctorOptions, doctor, type FileToInstall, type Finding, type FindingStatus } from './doctor';
export { UnshareError } from './error/error';
export type { Stage } from './error/stage';
export { Helper, type HelperOptions } from './helper/helper';
export type { FileUrl, Path } from './path';
export { PipeReader } from './pipe/pipe-reader';
export { PipeWriter } from './pipe/pipe-writer';
export type { AbortSignalLike } from './process/abort';
export { Child, type SignalOptions } from './process/child';
export type { ChildContinue, ChildDeath, ChildEvent, ChildStop } from './process/child-event';
export { type ChildEventsOptions, childEvents } from './process/child-events';
export { ExitError } from './process/exit-error';
export { ExitStatus, type ResourceUsage } from './process/exit-status';
export type { LimitError } from './process/limit-errors';
export type { Output } from './process/output';
export { type ReapedChild, reapZombies } from './process/reap-zombies';
export { Signal } from './signals';

declare global {
  // As in TypeScript's ESNext.Disposable and in the types of Node from 18.19 on, for those who have neither.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}
