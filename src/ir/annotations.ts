/** Information that any part of a model may have, and that edgec keeps without interpreting it. */

export interface StringEntry {
  key?: string;
  value?: string;
  unknownFields?: readonly Uint8Array[];
}

export interface Annotated {
  docString?: string;
  metadata?: StringEntry[];
  /** Fields newer than edgec's schema: whole encoded fields, written back unchanged. */
  unknownFields?: readonly Uint8Array[];
}
