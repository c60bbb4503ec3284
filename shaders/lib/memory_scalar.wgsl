// Operands of any width: four scalars an access, of which the first `count` are there.
#import lib/left_scalar
#import lib/right_scalar
#import lib/out_scalar
