//! The pool of hashed blocks against one that keeps every block and the whole free list, as vLLM does.

use foretoken::kv::{BlockHash, HashPool, Holding};
use foretoken::rng::Stream;
use std::collections::VecDeque;

/// Every block by number, with its content; free ones in the order in which they will be taken.
struct Naive {
    hash: Vec<Option<u128>>,
    holders: Vec<u32>,
    free: VecDeque<usize>,
    /// Blocks with a hash, in the order in which they got it.
    hashed: Vec<usize>,
}

impl Naive {
    fn new(blocks: usize) -> Naive {
        Naive {
            hash: vec![None; blocks],
            holders: vec![0; blocks],
            free: (0..blocks).collect(),
            hashed: Vec::new(),
        }
    }

    fn find(&self, chain: &[u128]) -> Vec<usize> {
        let of = |&hash: &u128| self.hashed.iter().copied().find(|&b| self.hash[b] == Some(hash));
        chain.iter().map_while(of).collect()
    }

    fn hold(&mut self, blocks: &[usize]) {
        for &block in blocks {
            self.free.retain(|&other| other != block);
            self.holders[block] += 1;
        }
    }

    fn grow(&mut self, held: &mut Vec<usize>, blocks: usize) -> bool {
        if blocks > self.free.len() {
            return false;
        }
        for _ in 0..blocks {
            let block = self.free.pop_front().unwrap();
            self.hash[block] = None;
            self.hashed.retain(|&other| other != block);
            self.holders[block] = 1;
            held.push(block);
        }
        true
    }

    fn release(&mut self, held: &mut Vec<usize>) {
        for block in held.drain(..).rev() {
            self.holders[block] -= 1;
            match self.hash[block] {
                _ if self.holders[block] > 0 => {}
                Some(_) => self.free.push_back(block),
                None => self.free.push_front(block),
            }
        }
    }
}

/// A request in both pools.
struct Both {
    chain: Vec<u128>,
    ours: Holding,
    naive: Vec<usize>,
}

/// Contents repeat within and across chains, so that there are twins, and evictions among them.
fn chain(draw: &mut Stream) -> Vec<u128> {
    let (stream, split) = (draw.below(3) as u128, draw.below(6) as u128);
    let own = u128::from(draw.below(4));
    (0..12)
        .map(|i| if i < split { 1000 * stream + i } else { 100_000 + 1000 * own + 10 * split + i })
        .collect()
}

#[test]
fn finds_and_evicts_what_the_plain_lists_do() {
    let mut evictions = 0;
    for seed in 0..60 {
        let draw = &mut Stream::new(seed, 0, "pool", 0);
        let usable = 4 + draw.below(20);
        let (mut pool, mut naive) = (HashPool::new(usable), Naive::new(usable as usize));
        let mut inside: Vec<Both> = Vec::new();
        for _ in 0..400 {
            match draw.below(4) {
                0 => {
                    let chain = chain(draw);
                    let looked = &chain[..draw.below(12) as usize];
                    let hit = pool.find(looked.iter().map(|&h| BlockHash(h)));
                    let found = naive.find(looked);
                    assert_eq!(hit.blocks(), found.len() as u64);
                    assert_eq!(hit.idle(), found.iter().filter(|&&b| naive.holders[b] == 0).count() as u64);
                    naive.hold(&found);
                    inside.push(Both { chain, ours: pool.hold(hit), naive: found });
                }
                1 if !inside.is_empty() => {
                    let at = draw.below(inside.len() as u64) as usize;
                    let mut gone = inside.swap_remove(at);
                    pool.release(&mut gone.ours);
                    naive.release(&mut gone.naive);
                }
                _ if !inside.is_empty() => {
                    let at = draw.below(inside.len() as u64) as usize;
                    let Both { chain, ours, naive: held } = &mut inside[at];
                    let more = draw.below(4).min(12 - ours.blocks());
                    assert_eq!(pool.grow(ours, more), naive.grow(held, more as usize));
                    let full = ours.hashed() + draw.below(1 + ours.blocks() - ours.hashed() as u64) as usize;
                    for block in ours.hashed()..full {
                        pool.publish(ours, BlockHash(chain[block]));
                        naive.hash[held[block]] = Some(chain[block]);
                        naive.hashed.push(held[block]);
                    }
                }
                _ => {}
            }
            assert_eq!(pool.free(), naive.free.len() as u64, "seed {seed}");
            let held: u64 = naive.holders.iter().map(|&n| u64::from(n > 0)).sum();
            assert_eq!(pool.free() + held, pool.usable());
        }
        evictions += pool.evictions();
    }
    assert!(evictions > 1000, "{evictions} blocks lost their content: too few to tell");
}
