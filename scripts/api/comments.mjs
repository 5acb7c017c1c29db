// Doc comments that typedoc does not find by itself: the kernel's numbers in client/constants.ts are documented by groups,
// each by the comment above it; and the functions in the object `step` are documented where they are declared.
import { readFileSync } from 'node:fs';
import { Comment, Converter, ReflectionKind } from 'typedoc';
import ts from 'typescript';

let groups = null;

/** The comments above the groups, by the names of their constants. */
function readGroups(file) {
  const found = new Map();
  let group = [];
  let isOpen = false;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, text] = /^\/\/ (.*)/.exec(line) ?? [];
    const [, name] = /^export const (\w+)/.exec(line) ?? [];
    if (text !== undefined) {
      group = isOpen ? [...group, text] : [text];
      isOpen = true;
    } else {
      isOpen = false;
    }
    if (name !== undefined) found.set(name, group.join(' '));
  }
  return found;
}

/** The comment of the function that a property like `{ name }` stands for. */
function functionComment(context, reflection) {
  const declaration = context.getSymbolFromReflection(reflection)?.valueDeclaration;
  if (declaration?.kind !== ts.SyntaxKind.ShorthandPropertyAssignment) return undefined;
  const [target] = context.checker.getShorthandAssignmentValueSymbol(declaration)?.declarations ?? [];
  return target && context.getNodeComment(target, false);
}

function groupComment(context, reflection) {
  const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile().fileName;
  if (!/\/constants\.ts$/.test(file ?? '')) return undefined;
  groups ??= readGroups(file);
  const text = groups.get(reflection.name);
  return text && new Comment([{ kind: 'text', text }]);
}

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.comment) return;
    const find = reflection.kindOf(ReflectionKind.Variable) ? groupComment : functionComment;
    const comment = find(context, reflection);
    if (comment) reflection.comment = comment;
  });
}
