//! Prompts that were sent before, and where: a compressed prefix tree.

use std::collections::BTreeMap;

/// Prompts by their beginnings, each with the replicas that have had it.
#[derive(Clone, Debug)]
pub struct PrefixTree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Symbols between the parent and this node.
    label: Vec<u64>,
    /// Replicas that have had a prompt through here, the first ever first.
    had: Vec<u32>,
    /// Children by the first symbol of their labels.
    children: BTreeMap<u64, usize>,
}

/// What a tree has of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Symbols of the longest beginning that it shares with any earlier prompt.
    pub symbols: usize,
    /// Replicas that have had a prompt with that beginning, the first ever first.
    pub had: &'a [u32],
}

/// Number of leading symbols that agree.
fn common(a: &[u64], b: &[u64]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

impl Default for PrefixTree {
    fn default() -> Self {
        PrefixTree { nodes: vec![Node::default()] }
    }
}

impl PrefixTree {
    /// The longest beginning of `prompt` that any replica has had.
    pub fn longest(&self, prompt: &[u64]) -> Found<'_> {
        let mut found = Found { symbols: 0, had: &self.nodes[0].had };
        self.walk(prompt, |symbols, had| found = Found { symbols, had });
        found
    }

    /// For each replica, the symbols of the longest beginning of `prompt` that it has had.
    pub fn each(&self, prompt: &[u64], replicas: usize) -> Vec<usize> {
        let mut longest = vec![0; replicas];
        self.walk(prompt, |symbols, had| had.iter().for_each(|r| longest[*r as usize] = symbols));
        longest
    }

    /// Calls `at` for each node that `prompt` reaches with the symbols that agree so far.
    fn walk<'a>(&'a self, prompt: &[u64], mut at: impl FnMut(usize, &'a [u32])) {
        let (mut node, mut depth) = (0, 0);
        while let Some(&child) = prompt.get(depth).and_then(|symbol| self.nodes[node].children.get(symbol)) {
            let label = &self.nodes[child].label;
            let agree = common(label, &prompt[depth..]);
            depth += agree;
            at(depth, &self.nodes[child].had);
            if agree < label.len() {
                return;
            }
            node = child;
        }
    }

    /// Remembers that `prompt` was sent to `replica`.
    pub fn insert(&mut self, prompt: &[u64], replica: usize) {
        let (mut node, mut depth) = (0, 0);
        self.has(node, replica);
        while depth < prompt.len() {
            let Some(&child) = self.nodes[node].children.get(&prompt[depth]) else {
                let leaf = self.nodes.len();
                self.nodes[node].children.insert(prompt[depth], leaf);
                let label = prompt[depth..].to_vec();
                self.nodes.push(Node { label, had: vec![replica as u32], children: BTreeMap::new() });
                return;
            };
            let agree = common(&self.nodes[child].label, &prompt[depth..]);
            if agree < self.nodes[child].label.len() {
                self.split(child, agree);
            }
            self.has(child, replica);
            depth += agree;
            node = child;
        }
    }

    fn has(&mut self, node: usize, replica: usize) {
        let had = &mut self.nodes[node].had;
        if !had.contains(&(replica as u32)) {
            had.push(replica as u32);
        }
    }

    /// Ends `node` after `symbols` of its label; the rest becomes its only child.
    fn split(&mut self, node: usize, symbols: usize) {
        let rest = self.nodes.len();
        let upper = &mut self.nodes[node];
        let label = upper.label.split_off(symbols);
        let first = label[0];
        let lower = Node { label, had: upper.had.clone(), children: std::mem::take(&mut upper.children) };
        upper.children.insert(first, rest);
        self.nodes.push(lower);
    }
}
