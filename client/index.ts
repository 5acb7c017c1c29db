/// <reference types="node" preserve="true" />

export type { AbortSignalLike } from './abort';
export type { Bytes } from './bytes';
export { Capability } from './capability';
export { Child } from './child';
export type { ChildContinue, ChildDeath, ChildEvent, ChildStop } from './child-event';
export { type ChildEventsOptions, childEvents } from './child-events';
export { Command, type OutputOptions, type SpawnOptions } from './command';
export * from './constants';
export { type DoctorOptions, doctor, type FileToInstall, type Finding, type FindingStatus } from './doctor';
export { UnshareError } from './error';
export { ExitStatus, type ResourceUsage } from './exit-status';
export { Fd } from './fd';
export { Helper, type HelperOptions } from './helper';
export { GidMap, UidMap } from './id-map';
export type { Input } from './input';
export type { NamespaceSource } from './join-source';
export type { LimitError } from './limit-errors';
export type { MountPropagation } from './mount-propagation';
export { Namespace } from './namespace';
export type { GidMapRow, UidMapRow } from './namespaces';
export type { OpenFile } from './open-file';
export type { Output } from './output';
export { PipeReader } from './pipe-reader';
export { PipeWriter } from './pipe-writer';
export { Printer } from './printer';
export { type ReapedChild, reapZombies } from './reap-zombies';
export { Signal } from './signals';
export type { Stage } from './stage';
export { Stdio, type StdioLike } from './stdio';
export { type Step, type StepArgument, type StepResult, step } from './step';
export { Style } from './style';
export type { SyncOptions, SyncOutputOptions } from './sync-calls';

declare global {
  // As in TypeScript's ESNext.Disposable and in the types of Node from 18.19 on, for those who have neither.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}
