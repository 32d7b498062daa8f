// Ops on texts that TensorFlow.js lacks: a part of the loader that is loaded for models that need it.

// Register them.
export async function addTextOps(tf) {
  const {prepare} = await import('./zoo-texts.js');
  prepare().addTextOps(tf);
}
