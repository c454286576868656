#include "Ranking.h"
namespace nm::model {
Result<SearchResult> searchExtended(const Device &device,
                                    const AttentionShape &shape,
                                    const SearchOptions &options) {
  return searchFaithful(device, shape, options);
}
} // namespace nm::model
